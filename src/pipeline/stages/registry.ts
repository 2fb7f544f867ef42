/** The one table of stages: name in the YAML, and what makes it. */
import type { StageCompiler } from '../stage.ts';
import { compileDrop } from './drop.ts';
import { compileLabelAllow, compileLabelDrop } from './label-lists.ts';
import { compileLabels } from './labels.ts';
import { compileLimit } from './limit.ts';
import { compileMatch } from './match.ts';
import { compileMetrics } from './metrics.ts';
import { compileMultiline } from './multiline.ts';
import { compileSampling } from './sampling.ts';
import { compileStaticLabels } from './static-labels.ts';
import { compileStructuredMetadata } from './structured-metadata.ts';
import { compileTenant } from './tenant.ts';
import { refuseEventLogMessage, refuseGeoip } from './unfit.ts';

/** See the module comment. */
export const stageCompilers: ReadonlyMap<string, StageCompiler> = new Map<string, StageCompiler>([
  ['drop', compileDrop],
  ['eventlogmessage', refuseEventLogMessage],
  ['geoip', refuseGeoip],
  ['labelallow', compileLabelAllow],
  ['labeldrop', compileLabelDrop],
  ['labels', compileLabels],
  ['limit', compileLimit],
  ['match', compileMatch],
  ['metrics', compileMetrics],
  ['multiline', compileMultiline],
  ['non_indexed_labels', compileStructuredMetadata],
  ['sampling', compileSampling],
  ['static_labels', compileStaticLabels],
  ['structured_metadata', compileStructuredMetadata],
  ['tenant', compileTenant],
]);
