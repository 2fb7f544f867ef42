/** The one table of stages: name in the YAML, and what makes it. */
import type { StageCompiler } from '../stage.ts';
import { compileLabels } from './labels.ts';

/** See the module comment. */
export const stageCompilers: ReadonlyMap<string, StageCompiler> = new Map<string, StageCompiler>([
  ['labels', compileLabels],
]);
