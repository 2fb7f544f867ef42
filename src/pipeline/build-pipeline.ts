/**
 * From what a container's options say about its lines to something that runs: the simple options
 * first, then the stages. Called where options are checked, and again where lines are delivered.
 */
import { compileStages } from './compile-stages.ts';
import { readYaml } from './config-node.ts';
import { Pipeline } from './pipeline.ts';
import { PipelineCounts } from './pipeline-counts.ts';
import type { PipelineText } from './plan.ts';
import type { AnyStage } from './stage.ts';

/** What came of it. */
export interface BuiltPipeline {
  /** Undefined: lines pass as they are. */
  readonly pipeline: Pipeline | undefined;
  readonly warnings: readonly string[];
}

/** Throws ConfigError, or RegexError where the pattern of multi-line entries is wrong. */
export function buildPipeline(text: PipelineText): BuiltPipeline {
  const counts = new PipelineCounts();
  const warnings: string[] = [];
  const names = new Map<AnyStage, string>();
  const stages: AnyStage[] = [];
  if (text.stages !== undefined) {
    stages.push(...compileStages(readYaml(text.stages), { counts, warnings, names }));
  }
  const pipeline = stages.length === 0 ? undefined : new Pipeline({ stages, names, counts });
  return { pipeline, warnings };
}
