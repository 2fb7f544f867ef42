/**
 * The tables of Docker's own log-opts. The first act here as they do with its own drivers; the
 * second are dockerd's business, and are only checked. It must never hold parsing code.
 */
import type { OptionSpec } from './option-spec.ts';

/** Which labels and variables of a container become labels, and what stays of its log. */
export const attributeOptions = {
  tag: {
    name: 'tag',
    env: 'TAG',
    type: 'text',
    allowed: 'a template such as {{.ImageName}}/{{.Name}}',
    doc: 'The label tag of every stream, a template as in loki-external-labels. Without this option there is none.',
  },
  labels: {
    name: 'labels',
    env: 'LABELS',
    type: 'text',
    verbatim: true,
    allowed: 'names between commas, to the letter',
    doc: 'Labels of the container that become labels of its streams; other characters than letters, digits and _ become _.',
  },
  labelsRegex: {
    name: 'labels-regex',
    env: 'LABELS_REGEX',
    type: 'text',
    verbatim: true,
    allowed: 'a regular expression of Go',
    doc: 'The same for labels whose name it matches, anywhere in it.',
  },
  env: {
    name: 'env',
    env: 'ENV',
    type: 'text',
    verbatim: true,
    allowed: 'names between commas, to the letter',
    doc: 'Environment variables of the container that become labels; they win over its labels of the same name. No other variable is kept by the driver.',
  },
  envRegex: {
    name: 'env-regex',
    env: 'ENV_REGEX',
    type: 'text',
    verbatim: true,
    allowed: 'a regular expression of Go',
    doc: 'The same for variables whose name it matches, anywhere in it.',
  },
} as const satisfies Record<string, OptionSpec>;

/** Log-opts that dockerd acts on: accepted, checked, and without effect here. */
export const dockerOptions = {
  mode: {
    name: 'mode',
    env: '',
    type: 'choice',
    default: 'blocking',
    choices: ['blocking', 'non-blocking'],
    allowed: 'blocking or non-blocking',
    doc: 'dockerd buffers output in memory with non-blocking, and drops what finds no room there without a word. Not needed: the driver takes output at the speed of the disk, and no endpoint holds it up.',
  },
  maxBufferSize: {
    name: 'max-buffer-size',
    env: '',
    type: 'bytes',
    default: '1m',
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    allowed: 'a size such as 4m',
    doc: "The size of dockerd's buffer with mode=non-blocking.",
  },
  compress: {
    name: 'compress',
    env: '',
    type: 'bool',
    default: 'true',
    allowed: 'true or false',
    doc: 'No effect: closed segments are always compressed.',
  },
  cacheDisabled: {
    name: 'cache-disabled',
    env: '',
    type: 'bool',
    default: 'false',
    allowed: 'true or false',
    doc: 'No effect, like all cache-*: the driver reads logs by itself, so dockerd keeps no second copy.',
  },
  cacheMaxSize: {
    name: 'cache-max-size',
    env: '',
    type: 'bytes',
    default: '20m',
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    unlimited: true,
    allowed: 'a size such as 20m, or -1',
    doc: 'See cache-disabled; max-size says what the driver keeps.',
  },
  cacheMaxFile: {
    name: 'cache-max-file',
    env: '',
    type: 'count',
    default: '5',
    min: 1,
    max: Number.MAX_SAFE_INTEGER,
    allowed: 'a whole number from 1',
    doc: 'See cache-disabled; max-file says what the driver keeps.',
  },
  cacheCompress: {
    name: 'cache-compress',
    env: '',
    type: 'bool',
    default: 'true',
    allowed: 'true or false',
    doc: 'See cache-disabled.',
  },
} as const satisfies Record<string, OptionSpec>;
