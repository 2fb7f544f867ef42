/**
 * `match`: stages that only some entries go through, or entries that go no further.
 *
 * Options:
 *   selector: has to be given; labels, and what the line holds: `{app="web",env!="dev"} |= "GET"`
 *     (see logql-selector.ts)
 *   stages: what entries that match go through; needed unless action is drop
 *   action: keep (go through the stages; default), or drop (entries that match are dropped)
 *   drop_counter_reason: match_stage; what dropped lines are counted as
 *   pipeline_name: taken and not used
 *
 *   - match:
 *       selector: '{app="web"} |~ "^\\{"'
 *       stages:
 *         - json: { expressions: { level: } }
 */

import type { ConfigNode } from '../config-node.ts';
import type { Entry } from '../entry.ts';
import { parseSelector, type Selector, SelectorError } from '../logql-selector.ts';
import type { AnyStage, BranchingStage, StageContext } from '../stage.ts';
import { readDropReason } from './drop.ts';
import { extractLabels } from './source.ts';

const optionNames = [
  'selector',
  'stages',
  'action',
  'drop_counter_reason',
  'pipeline_name',
] as const;

/** See the module comment. */
export function compileMatch(config: ConfigNode, context: StageContext): BranchingStage {
  const fields = config.fields('match', optionNames, context.warn);
  if (fields.pipeline_name?.text('pipeline_name') === '') {
    fields.pipeline_name.fail('pipeline_name may be left out, but not be empty');
  }
  const selects = readSelector(fields.selector ?? config.fail('match needs a selector'));
  const action = readAction(fields.action);
  const count = fields.stages?.items('stages').length ?? 0;
  if (action === 'drop') {
    if (count > 0) fields.stages?.fail('a match with action drop cannot have stages');
    const reason = readDropReason(fields.drop_counter_reason, 'match_stage');
    return new DropBranch(selects, () => context.counts.drop(reason));
  }
  if (fields.stages === undefined || count === 0) {
    return config.fail('match needs at least one stage in stages, or action: drop');
  }
  return new KeepBranch(selects, context.compileStages(fields.stages));
}

function readAction(node: ConfigNode | undefined): 'keep' | 'drop' {
  if (node === undefined || node.text('action') === '') return 'keep';
  return node.choice('action', ['keep', 'drop']);
}

function readSelector(node: ConfigNode): Selector {
  const text = node.text('selector');
  if (text === '') node.fail('match needs a selector');
  try {
    return parseSelector(text);
  } catch (error) {
    if (!(error instanceof SelectorError)) throw error;
    return node.fail(`selector: ${error.message}`);
  }
}

class DropBranch implements BranchingStage {
  readonly inner: readonly AnyStage[] = [];
  readonly #selects: Selector;
  readonly #count: () => void;

  constructor(selects: Selector, count: () => void) {
    this.#selects = selects;
    this.#count = count;
  }

  route(entry: Entry): 'next' | 'drop' {
    if (!this.#selects(entry)) return 'next';
    this.#count();
    return 'drop';
  }
}

class KeepBranch implements BranchingStage {
  readonly inner: readonly AnyStage[];
  readonly #selects: Selector;

  constructor(selects: Selector, inner: readonly AnyStage[]) {
    this.#selects = selects;
    this.inner = inner;
  }

  route(entry: Entry): 'inner' | 'next' {
    if (!this.#selects(entry)) return 'next';
    // As in promtail, where the inner stages are a pipeline: it begins with the labels as values.
    extractLabels(entry);
    return 'inner';
  }
}
