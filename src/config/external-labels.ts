/**
 * Reads `loki-external-labels`. It answers with plain data, because settings
 * cross to worker threads; the templates are compiled again over there. A list
 * that it lets through must never fail later, when lines are waiting.
 */
import { messageOf } from '../base/errors.ts';
import { isLabelName, labelsMax, ownLabelNames } from '../pipeline/labels.ts';
import { compileTemplate } from '../pipeline/template.ts';

/** One label: a valid name and a template that compiles. */
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
    const [name = '', value, ...more] = pair.trim().split('=');
    const problem = problemOf(pair, name, value, more);
    if (problem !== undefined) problems.push(problem);
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
  if (!isLabelName(name)) return `"${name}" is not a label name ([a-zA-Z_][a-zA-Z0-9_]*)`;
  try {
    compileTemplate(value);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}
