/**
 * The table of those log-opts that say under which labels lines go and what happens to them before:
 * the second part of what each endpoint may have for itself. It must never hold parsing code.
 */
import type { OptionSpec } from './option-spec.ts';

/** Where files are that the plugin can read: its mount of that name. */
export const filesMount = '/files';

/** See the module comment; in the order of the reference. */
export const lineOptions = {
  externalLabels: {
    name: 'loki-external-labels',
    env: 'LOKI_EXTERNAL_LABELS',
    type: 'labels',
    default: 'container_name={{.Name}}',
    allowed: 'name=value pairs between commas; a value is a template such as {{.Name}}',
    doc: "Labels of every stream beside host and source. Setting it replaces the default. Values are Go templates with the fields and functions of Docker's log tags.",
  },
  filenameLabel: {
    name: 'loki-filename-label',
    env: 'LOKI_FILENAME_LABEL',
    type: 'bool',
    default: 'false',
    allowed: 'true or false',
    doc: 'Whether there is a label filename, the path of the log on the host. It is another one for each container, so each makes streams of its own.',
  },
  structuredMetadata: {
    name: 'loki-structured-metadata',
    env: 'LOKI_STRUCTURED_METADATA',
    type: 'bool',
    default: 'true',
    allowed: 'true or false',
    doc: 'Whether container_id and image go with each line as structured metadata, which Loki takes from version 3 on. With false none of the container is sent.',
  },
  relabelConfig: {
    name: 'loki-relabel-config',
    env: 'LOKI_RELABEL_CONFIG',
    type: 'text',
    verbatim: true,
    allowed: "a YAML list of Prometheus' relabel rules",
    doc: 'Changes the labels of the container once for each run of it, before source is added. Labels that begin with __ are gone afterwards. Where keep or drop drops the container, its lines are not shipped to the endpoint, which a warning and a metric say.',
  },
  pipelineStages: {
    name: 'loki-pipeline-stages',
    env: 'LOKI_PIPELINE_STAGES',
    type: 'text',
    verbatim: true,
    allowed: 'a YAML list of stages',
    doc: "Stages of promtail that each line goes through. [] is none, for who wants none of the plugin's.",
  },
  pipelineStageFile: {
    name: 'loki-pipeline-stage-file',
    env: 'LOKI_PIPELINE_STAGE_FILE',
    type: 'path',
    allowed: 'the absolute path of a file inside the plugin, without loki-pipeline-stages',
    doc: `A file with the stages: a YAML list, or a map with pipeline_stages alone; 256 KiB at most. ${filesMount} is the directory of the host that the plugin setting files.source names. It is read when a container starts and when the plugin starts.`,
  },
  multilinePattern: {
    name: 'multiline-pattern',
    env: 'MULTILINE_PATTERN',
    type: 'text',
    verbatim: true,
    allowed: 'a regular expression of Go',
    doc: 'What the first line of an entry matches: lines that do not match it belong to the entry before, as those of a stack trace do. It comes before the stages.',
  },
  dropBlank: {
    name: 'loki-drop-blank',
    env: 'LOKI_DROP_BLANK',
    type: 'bool',
    default: 'false',
    allowed: 'true or false',
    doc: "Whether lines of nothing but white space are left out, as Grafana's driver does it.",
  },
  level: {
    name: 'loki-level',
    env: 'LOKI_LEVEL',
    type: 'choice',
    default: 'off',
    choices: ['off', 'auto', 'label', 'metadata'],
    allowed: 'off, auto, label or metadata',
    doc: 'Whether the level of a line (info, warn, error, …) is looked for in it, and goes with it as the label level or as structured metadata. auto is label.',
  },
} as const satisfies Record<string, OptionSpec>;
