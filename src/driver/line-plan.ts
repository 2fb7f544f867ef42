/**
 * Under which labels the lines of a container's runs go to each endpoint, and through which stages.
 * Made when a container starts, to tell what is wrong, and for each plan of delivery. It must
 * never let through what would fail in a delivery thread.
 */
import { isDeepStrictEqual } from 'node:util';
import { DriverError, messageOf } from '../base/errors.ts';
import type { DeliverableStream } from '../capture/open-log.ts';
import type { LineSettings } from '../config/line-settings.ts';
import { show } from '../config/option-reader.ts';
import type { ContainerSettings } from '../config/settings.ts';
import type { ContainerInfo } from '../pipeline/container-info.ts';
import { type LabelRules, labelsOfRun, type RunLabels } from '../pipeline/container-labels.ts';
import { compileLabelTemplate, type LabelTemplate } from '../pipeline/label-template.ts';
import type { PipelineText, StreamRun } from '../pipeline/plan.ts';
import { parseRelabelling } from '../pipeline/relabel.ts';
import { runIdentityOf } from '../wal/index.ts';
import { hostPathOf } from './host-path.ts';
import { readStageFile } from './stage-file.ts';

/** What an endpoint gets of a container. */
export interface LinePlan {
  readonly runs: StreamRun[];
  readonly pipeline: PipelineText;
  /** What is odd about it, in words; of labels only what concerns the latest run. */
  readonly warnings: string[];
  /** Why a run has the labels of the one after it; undefined: each has its own. */
  readonly lentBecause: string | undefined;
}

/** Whose lines they are. */
export type LineSource = Pick<DeliverableStream, 'directory' | 'record'>;

/**
 * Throws `invalid_option` when a template fails for the container as it is now, and
 * `file_unreadable` when the file of stages cannot be read or is wrong.
 */
export function planLines(
  { directory, record }: LineSource,
  { attributes }: ContainerSettings,
  lines: LineSettings,
  host: string,
): LinePlan {
  const { pipeline, warnings } = pipelineOf(lines);
  const rules: LabelRules = {
    external: lines.externalLabels.map(({ name, value }) => ({
      name,
      template: telling(value, `loki-external-labels: the label ${name}`),
    })),
    tag: attributes.tag === undefined ? undefined : telling(attributes.tag, 'tag'),
    attributes,
    fileName: lines.hasFileName ? hostPathOf(directory) : undefined,
    relabelling:
      lines.relabelConfig === undefined ? undefined : parseRelabelling(lines.relabelConfig),
    hasMetadata: lines.hasMetadata,
    addedLater: lines.level === 'label' ? ['level'] : [],
  };
  const { containerId, logOpts } = record;
  const known = record.runs ?? [];
  const all = known.length === 0 ? [{ fromLsn: 0, identity: runIdentityOf(record) }] : known;
  const infos = all.map(({ identity }) => ({ ...identity, containerId, logOpts, host }));
  const labels = labelsOfRuns(infos, rules);
  const runs: StreamRun[] = [];
  for (const [index, { fromLsn }] of all.entries()) {
    const made = labels.runs[index];
    // Whatever was before the first run that is known is told with its labels.
    if (made !== undefined) addRun(runs, { fromLsn: index === 0 ? 0 : fromLsn, ...made });
  }
  const { lentBecause } = labels;
  return { runs, pipeline, warnings: [...warnings, ...labels.warnings], lentBecause };
}

/** The labels of runs, without their places. */
interface LabelsOfRuns extends Pick<LinePlan, 'warnings' | 'lentBecause'> {
  readonly runs: RunLabels['run'][];
}

/**
 * In the same order, the latest last. A template that is newer than a run may fail for who the
 * container was then. That run has the labels of the next one: it must not hold up those that are
 * right.
 */
function labelsOfRuns(infos: readonly ContainerInfo[], rules: LabelRules): LabelsOfRuns {
  const runs: RunLabels['run'][] = [];
  const warnings: string[] = [];
  let lentBecause: string | undefined;
  for (const info of infos.toReversed()) {
    const [next] = runs;
    try {
      const made = labelsOfRun(info, rules);
      if (next === undefined) warnings.push(...made.warnings);
      runs.unshift(made.run);
    } catch (error) {
      if (next === undefined || !isInvalidOption(error)) throw error;
      lentBecause ??= error.message;
      runs.unshift(next);
    }
  }
  return { runs, warnings, lentBecause };
}

function isInvalidOption(error: unknown): error is DriverError {
  return error instanceof DriverError && error.code === 'invalid_option';
}

/** Runs that do not differ in what is sent are one. */
function addRun(runs: StreamRun[], run: StreamRun): void {
  const last = runs.at(-1);
  if (last !== undefined && isDeepStrictEqual({ ...last, fromLsn: run.fromLsn }, run)) return;
  runs.push(run);
}

function pipelineOf(lines: LineSettings): { pipeline: PipelineText; warnings: string[] } {
  const { stages, multilinePattern, level, dropBlank } = lines;
  const pipeline: PipelineText = {
    ...(multilinePattern === undefined ? {} : { multilinePattern }),
    level,
    dropBlank,
  };
  if (stages === undefined) return { pipeline, warnings: [] };
  if (stages.kind === 'text') {
    return { pipeline: { ...pipeline, stages: stages.text }, warnings: [] };
  }
  const { list, warnings } = readStageFile(stages.path, stages.source);
  return {
    pipeline: { ...pipeline, stages: list },
    warnings: warnings.map((warning) => `${stages.source}: ${warning}`),
  };
}

/** A template whose failure says where it stands. */
function telling(text: string, what: string): LabelTemplate {
  const template = compileLabelTemplate(text);
  return {
    render: (info) => {
      try {
        return template.render(info);
      } catch (error) {
        const message =
          `${what}: ${show(text)} fails for this container: ${messageOf(error)}; ` +
          "allowed are fields of Docker's log tags, such as {{.Name}} and {{.ImageName}}";
        throw new DriverError('invalid_option', message, { cause: error });
      }
    },
  };
}
