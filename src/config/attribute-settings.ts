/**
 * Docker's own log-opts: which labels and variables of a container become labels, and those that
 * are dockerd's business and are only checked. It answers with plain data.
 */
import type { AttributeOptions, Selection } from '../pipeline/attributes.ts';
import { compileLabelTemplate } from '../pipeline/label-template.ts';
import { compileRegex } from '../regex/go-regex.ts';
import { attributeOptions, dockerOptions } from './docker-options.ts';
import { readChecked } from './line-settings.ts';
import { type OptionReader, rank } from './option-reader.ts';
import type { OptionSpec } from './option-spec.ts';

/** What Docker's log-opts say of labels. */
export interface AttributeSettings extends AttributeOptions {
  /** A template that is known to compile. */
  readonly tag?: string;
}

/** The settings of one container; what is wrong is noted at the reader. */
export function readAttributes(reader: OptionReader): AttributeSettings {
  const { tag, labels, labelsRegex, env, envRegex } = attributeOptions;
  const template = readChecked(reader, tag, compileLabelTemplate);
  return {
    ...(template === undefined ? {} : { tag: template }),
    labels: readSelection(reader, labels, labelsRegex),
    env: readSelection(reader, env, envRegex),
  };
}

function readSelection(reader: OptionReader, names: OptionSpec, regex: OptionSpec): Selection {
  const given = reader.given(names);
  const pattern = readChecked(reader, regex, compileRegex);
  return {
    ...(given === undefined ? {} : { names: given.text }),
    ...(pattern === undefined ? {} : { pattern }),
  };
}

/** Checks what dockerd acts on, as far as a container brings it: as a setting it has no effect. */
export function checkDockerOptions(reader: OptionReader): void {
  const { mode, maxBufferSize, cacheMaxSize, cacheMaxFile } = dockerOptions;
  const { compress, cacheDisabled, cacheCompress } = dockerOptions;
  const isGiven = (spec: OptionSpec): boolean => reader.given(spec)?.rank === rank.logOpt;
  if (isGiven(mode)) reader.choice(mode);
  for (const spec of [maxBufferSize, cacheMaxSize, cacheMaxFile]) {
    if (isGiven(spec)) reader.number(spec);
  }
  for (const spec of [compress, cacheDisabled, cacheCompress]) {
    if (isGiven(spec)) reader.flag(spec);
  }
}
