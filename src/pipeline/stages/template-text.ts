/**
 * Templates in the configuration of stages: Go's text/template with the functions of promtail.
 * What an action fails at is no result: the stage leaves the line as it is.
 */
import { compileRegex } from '../../regex/go-regex.ts';
import { createPromtailFunctions } from '../../template/promtail-functions.ts';
import { parseTemplate, type Template, TemplateError } from '../../template/template.ts';
import type { TemplateValue } from '../../template/value.ts';
import type { ConfigNode } from '../config-node.ts';
import { type Extracted, textOf } from '../extracted.ts';
import { formatGoTime, parseGoTime } from '../go-time.ts';
import { TimeZone } from '../time-zone.ts';

/** A longer template is refused, in UTF-16 units. */
const templateLengthMax = 65_536;

const billion = 1_000_000_000n;

const functions = createPromtailFunctions({
  regex: compileRegex,
  time: {
    format(layout, unixNs, zone) {
      if (TimeZone.of(zone) === undefined) throw new Error(`unknown time zone ${zone}`);
      const nanos = ((unixNs % billion) + billion) % billion;
      return formatGoTime(layout, Number((unixNs - nanos) / billion), Number(nanos), zone);
    },
    parse(layout, text, zone) {
      const time = parseGoTime(layout, text, zone);
      return time && BigInt(time.seconds) * billion + BigInt(time.nanos);
    },
  },
});

/** Reads a template. Fails with what Go would refuse, and with functions that are left out. */
export function readTemplate(node: ConfigNode, what: string): Template {
  const text = node.text(what);
  if (text.length > templateLengthMax) {
    node.fail(`${what} has ${text.length} characters; allowed are ${templateLengthMax}`);
  }
  try {
    return parseTemplate(text, functions);
  } catch (error) {
    if (error instanceof TemplateError) return node.fail(`${what}: ${error.message}`);
    throw error;
  }
}

/** The text; undefined: an action failed. */
export function executeTemplate(template: Template, data: TemplateValue): string | undefined {
  try {
    return template.execute(data);
  } catch (error) {
    if (error instanceof TemplateError) return undefined;
    throw error;
  }
}

/** Everything that was extracted, as texts; what is null has none, and is left out. */
export function setTexts(data: Map<string, TemplateValue>, extracted: Extracted): void {
  for (const [name, value] of extracted.toMap()) {
    const text = textOf(value);
    if (text !== undefined) data.set(name, text);
  }
}
