/**
 * From what a container's options say about its lines to something that runs: the simple options
 * first, then the stages. Called where options are checked, and again where lines are delivered.
 */
import { compileRegex } from '../regex/go-regex.ts';
import { compileStages } from './compile-stages.ts';
import { readYaml } from './config-node.ts';
import { createLevelStage } from './level-stage.ts';
import { Pipeline } from './pipeline.ts';
import { PipelineCounts } from './pipeline-counts.ts';
import type { PipelineText } from './plan.ts';
import type { AnyStage } from './stage.ts';
import { MultilineStage } from './stages/multiline.ts';

/** Lines of an entry of `multiline-pattern`: a deep stack trace has hundreds. */
const multilineLinesMax = 1000;
/** An entry of `multiline-pattern` waits so long for its next line, in milliseconds. */
const multilineWaitMs = 1000;

/** What came of it. */
export interface BuiltPipeline {
  /** Undefined: lines pass as they are. */
  readonly pipeline: Pipeline | undefined;
  /** Whether a stage may send lines to another tenant than the endpoint's own. */
  readonly choosesTenants: boolean;
  readonly warnings: readonly string[];
}

/** Throws ConfigError, or RegexError where the pattern of multi-line entries is wrong. */
export function buildPipeline(text: PipelineText): BuiltPipeline {
  const counts = new PipelineCounts();
  const warnings: string[] = [];
  const names = new Map<AnyStage, string>();
  const stages = simpleStages(text, names);
  if (text.stages !== undefined) {
    stages.push(...compileStages(readYaml(text.stages), { counts, warnings, names }));
  }
  const pipeline = stages.length === 0 ? undefined : new Pipeline({ stages, names, counts });
  const choosesTenants = [...names.values()].includes('tenant');
  return { pipeline, choosesTenants, warnings };
}

function simpleStages(
  { multilinePattern, level }: PipelineText,
  names: Map<AnyStage, string>,
): AnyStage[] {
  const stages: AnyStage[] = [];
  if (multilinePattern !== undefined) {
    const firstLine = compileRegex(multilinePattern);
    const rules = { linesMax: multilineLinesMax, waitMs: multilineWaitMs, trims: false };
    const multiline = new MultilineStage({ firstLine, ...rules });
    names.set(multiline, 'multiline-pattern');
    stages.push(multiline);
  }
  if (level !== 'off') {
    const stage = createLevelStage(level);
    names.set(stage, 'loki-level');
    stages.push(stage);
  }
  return stages;
}
