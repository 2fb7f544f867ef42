/**
 * Under which labels lines go to one endpoint and what happens to them before, from its options.
 * Everything is compiled here once, so that an error is told when the container starts; files are
 * read by who makes the plan. It answers with plain data.
 */
import { isAbsolute } from 'node:path';
import { messageOf } from '../base/errors.ts';
import { parseRelabelling } from '../pipeline/relabel.ts';
import { type CheckedStages, checkStages } from '../pipeline/stage-list.ts';
import { compileRegex } from '../regex/go-regex.ts';
import { type ExternalLabel, parseExternalLabels } from './external-labels.ts';
import { lineOptions } from './line-options.ts';
import type { Given, OptionReader } from './option-reader.ts';
import type { OptionSpec } from './option-spec.ts';

/** Stages as a text, or in a file that is read when the plan is made. */
export type StageSetting =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'file'; readonly path: string; readonly source: string };

/** What one endpoint gets of a container's lines, and under which labels. */
export interface LineSettings {
  /** Values are templates that are known to compile. */
  readonly externalLabels: readonly ExternalLabel[];
  readonly hasFileName: boolean;
  readonly hasMetadata: boolean;
  /** YAML of relabel rules that are known to compile. */
  readonly relabelConfig?: string;
  readonly stages?: StageSetting;
  readonly multilinePattern?: string;
  readonly dropBlank: boolean;
  readonly level: 'off' | 'label' | 'metadata';
}

/** The settings for one endpoint; what is wrong is noted at the reader. */
export function readLines(reader: OptionReader): LineSettings {
  const { relabelConfig, multilinePattern, level } = lineOptions;
  const relabelling = readChecked(reader, relabelConfig, parseRelabelling);
  const pattern = readChecked(reader, multilinePattern, compileRegex);
  const stages = readStages(reader);
  const chosen = reader.choice(level);
  return {
    externalLabels: readExternalLabels(reader),
    hasFileName: reader.flag(lineOptions.filenameLabel),
    hasMetadata: reader.flag(lineOptions.structuredMetadata),
    ...(relabelling === undefined ? {} : { relabelConfig: relabelling }),
    ...(stages === undefined ? {} : { stages }),
    ...(pattern === undefined ? {} : { multilinePattern: pattern }),
    dropBlank: reader.flag(lineOptions.dropBlank),
    level: chosen === 'auto' ? 'label' : chosen,
  };
}

function readExternalLabels(reader: OptionReader): ExternalLabel[] {
  const spec = lineOptions.externalLabels;
  const given = reader.given(spec);
  const { labels, problems, warnings } = parseExternalLabels(given.text);
  if (problems.length > 0) reader.error(spec, given, `is wrong: ${problems.join(', ')}`);
  for (const text of warnings) reader.warn(`${given.source ?? spec.name}: ${text}`);
  return labels;
}

/** The value, once `check` has taken it; a throw of it is what is wrong. */
export function readChecked(
  reader: OptionReader,
  spec: OptionSpec,
  check: (text: string) => unknown,
): string | undefined {
  const given = reader.given(spec);
  if (given === undefined) return undefined;
  try {
    check(given.text);
    return given.text;
  } catch (error) {
    reader.error(spec, given, `is wrong: ${messageOf(error)}`);
    return undefined;
  }
}

/** The nearer of text and file; an error where both stand equally near. */
function readStages(reader: OptionReader): StageSetting | undefined {
  const { pipelineStages, pipelineStageFile } = lineOptions;
  const text = reader.given(pipelineStages);
  const file = reader.given(pipelineStageFile);
  if (text !== undefined && text.rank === file?.rank) {
    reader.fault(`${file.source} and ${text.source} are both given; allowed is one of them`);
  }
  if (file !== undefined && (text === undefined || file.rank <= text.rank)) {
    if (!isAbsolute(file.text)) reader.error(pipelineStageFile, file, 'is not an absolute path');
    return { kind: 'file', path: file.text, source: file.source ?? pipelineStageFile.name };
  }
  return text === undefined ? undefined : readStageText(reader, text);
}

function readStageText(reader: OptionReader, given: Given): StageSetting {
  const spec = lineOptions.pipelineStages;
  const checked = checkOnce(given.text);
  if (typeof checked === 'string') reader.error(spec, given, `is wrong: ${checked}`);
  else for (const text of checked.warnings) reader.warn(`${given.source ?? spec.name}: ${text}`);
  return { kind: 'text', text: given.text };
}

/** Options of a container are read several times, and most containers have the same stages. */
const checkedTexts = new Map<string, CheckedStages | string>();
const checkedTextsMax = 50;

function checkOnce(text: string): CheckedStages | string {
  const known = checkedTexts.get(text);
  if (known !== undefined) return known;
  let checked: CheckedStages | string;
  try {
    checked = checkStages(text);
  } catch (error) {
    checked = messageOf(error);
  }
  if (checkedTexts.size >= checkedTextsMax) checkedTexts.clear();
  checkedTexts.set(text, checked);
  return checked;
}
