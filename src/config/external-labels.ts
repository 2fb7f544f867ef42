/**
 * Reads `loki-external-labels`. It answers with plain data; the templates are compiled again for
 * each plan. What can be seen to be wrong without a container must never get through.
 */
import { messageOf } from '../base/errors.ts';
import { compileLabelTemplate } from '../pipeline/label-template.ts';
import {
  labelNameBytesMax,
  labelsMax,
  labelValueBytesMax,
  ownLabelNames,
  sanitizeLabelName,
} from '../pipeline/labels.ts';

/** One label: a valid name, made so if need be, and a template that compiles. */
export interface ExternalLabel {
  readonly name: string;
  readonly value: string;
}

/** The labels, with what is wrong or odd about them in words; a later name replaces an earlier. */
export interface ExternalLabelsResult {
  readonly labels: ExternalLabel[];
  readonly problems: string[];
  readonly warnings: string[];
}

/** Reads `name=value,name=value`. */
export function parseExternalLabels(text: string): ExternalLabelsResult {
  const byName = new Map<string, string>();
  const problems: string[] = [];
  const warnings: string[] = [];
  for (const pair of text.split(',')) {
    const [given = '', value, ...more] = pair.trim().split('=');
    const problem = problemOf(pair, given, value, more);
    if (problem !== undefined) problems.push(problem);
    const name = sanitizeLabelName(given);
    if (name !== given) warnings.push(`label "${given}" becomes ${name}, which Loki takes`);
    if (byName.has(name)) warnings.push(`label "${name}" is given twice; the last one counts`);
    if (ownLabelNames.some((own) => own === name)) {
      warnings.push(`label "${name}" is set by the driver itself, which replaces this value`);
    }
    byName.set(name, value ?? '');
  }
  const labelCount = new Set([...byName.keys(), ...ownLabelNames]).size;
  if (labelCount > labelsMax) {
    problems.push(
      `makes ${labelCount} labels with ${ownLabelNames.join(' and ')}; Loki takes ${labelsMax}`,
    );
  }
  const labels = [...byName].map(([name, value]) => ({ name, value }));
  return { labels, problems, warnings };
}

function problemOf(
  pair: string,
  name: string,
  value: string | undefined,
  more: readonly string[],
): string | undefined {
  if (value === undefined) return `"${pair}" is not name=value (a value cannot hold a comma)`;
  if (more.length > 0) return `"${pair}" has an = inside the value`;
  if (name === '') return `"${pair}" has no name`;
  if (name.length > labelNameBytesMax) {
    return `a name has ${name.length} characters; Loki takes ${labelNameBytesMax}`;
  }
  const bytes = Buffer.byteLength(value);
  if (bytes > labelValueBytesMax && !value.includes('{{')) {
    return `the value of ${name} has ${bytes} bytes; Loki takes ${labelValueBytesMax}`;
  }
  try {
    compileLabelTemplate(value);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}
