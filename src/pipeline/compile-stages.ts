/**
 * A list of stages in YAML, as promtail reads it, to stages that can be run. Every error and
 * warning names the stage, the line and the cause.
 */
import { nearestName } from '../base/nearest.ts';
import { ConfigError, type ConfigNode } from './config-node.ts';
import type { PipelineCounts } from './pipeline-counts.ts';
import type { AnyStage, StageContext } from './stage.ts';
import { stageCompilers } from './stages/registry.ts';

/** Stages in one pipeline, those within others included. */
const stagesMax = 200;

/** What compiling says beside its result. */
export interface CompileNotes {
  readonly counts: PipelineCounts;
  readonly warnings: string[];
  /** Names of all stages, also of those within others. */
  readonly names: Map<AnyStage, string>;
}

/** The stages of a list. Throws ConfigError: `stage 2 (json), line 5: …`. */
export function compileStages(list: ConfigNode, notes: CompileNotes, within = ''): AnyStage[] {
  return list
    .items('the list of stages')
    .map((item, index) => compileOne(item, `${within}stage ${index + 1}`, notes));
}

function compileOne(item: ConfigNode, place: string, notes: CompileNotes): AnyStage {
  const [name, config] = nameOf(item, place);
  const label = `${place} (${name})`;
  const compile = stageCompilers.get(name);
  if (compile === undefined) {
    const nearest = nearestName(name, [...stageCompilers.keys()]);
    const hint =
      nearest === undefined
        ? `known are ${[...stageCompilers.keys()].sort().join(', ')}`
        : `did you mean ${nearest}?`;
    throw new ConfigError(`${place}, line ${item.line}: there is no stage "${name}" (${hint})`);
  }
  if (notes.names.size >= stagesMax) {
    throw new ConfigError(`${label}, line ${item.line}: more than ${stagesMax} stages`);
  }
  const context: StageContext = {
    counts: notes.counts,
    warn: (node, text) => notes.warnings.push(`${label}, line ${node.line}: ${text}`),
    compileStages: (inner) => compileStages(inner, notes, `${label}, `),
  };
  const stage = named(label, () => compile(config, context));
  notes.names.set(stage, name);
  return stage;
}

function nameOf(item: ConfigNode, place: string): [name: string, config: ConfigNode] {
  return named(place, () => {
    const entries = item.entries('a stage');
    const [entry] = entries;
    if (entry === undefined) item.fail('a stage has to be a map: its name, a colon, its options');
    if (entries.length > 1) {
      const names = entries.map(([name]) => name).join(', ');
      item.fail(`a stage has one name, and here are ${names}; each needs a "- " of its own`);
    }
    return entry;
  });
}

/** Puts the stage before what a ConfigError says, unless an inner stage did. */
function named<T>(label: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof ConfigError) || error.message.startsWith('stage ')) throw error;
    throw new ConfigError(`${label}, ${error.message}`, { cause: error });
  }
}
