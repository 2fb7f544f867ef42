/** The one table of stages: name in the YAML, and what makes it. */
import type { StageCompiler } from '../stage.ts';
import { compileCri } from './cri.ts';
import { compileDecolorize } from './decolorize.ts';
import { compileDocker } from './docker.ts';
import { compileDrop } from './drop.ts';
import { compileJson } from './json.ts';
import { compileLabelAllow, compileLabelDrop } from './label-lists.ts';
import { compileLabels } from './labels.ts';
import { compileLimit } from './limit.ts';
import { compileLogfmt } from './logfmt.ts';
import { compileMatch } from './match.ts';
import { compileMetrics } from './metrics.ts';
import { compileMultiline } from './multiline.ts';
import { compileOutput } from './output.ts';
import { compilePack } from './pack.ts';
import { compileRegexStage } from './regex.ts';
import { compileReplace } from './replace.ts';
import { compileSampling } from './sampling.ts';
import { compileStaticLabels } from './static-labels.ts';
import { compileStructuredMetadata } from './structured-metadata.ts';
import { compileTemplateStage } from './template.ts';
import { compileTenant } from './tenant.ts';
import { compileTimestamp } from './timestamp.ts';
import { refuseEventLogMessage, refuseGeoip } from './unfit.ts';

/** See the module comment. */
export const stageCompilers: ReadonlyMap<string, StageCompiler> = new Map<string, StageCompiler>([
  ['cri', compileCri],
  ['decolorize', compileDecolorize],
  ['docker', compileDocker],
  ['drop', compileDrop],
  ['eventlogmessage', refuseEventLogMessage],
  ['geoip', refuseGeoip],
  ['json', compileJson],
  ['labelallow', compileLabelAllow],
  ['labeldrop', compileLabelDrop],
  ['labels', compileLabels],
  ['limit', compileLimit],
  ['logfmt', compileLogfmt],
  ['match', compileMatch],
  ['metrics', compileMetrics],
  ['multiline', compileMultiline],
  ['non_indexed_labels', compileStructuredMetadata],
  ['output', compileOutput],
  ['pack', compilePack],
  ['regex', compileRegexStage],
  ['replace', compileReplace],
  ['sampling', compileSampling],
  ['static_labels', compileStaticLabels],
  ['structured_metadata', compileStructuredMetadata],
  ['template', compileTemplateStage],
  ['tenant', compileTenant],
  ['timestamp', compileTimestamp],
]);
