/**
 * `sampling`: lets a part of the lines through and drops the others. Chance is taken from where a
 * line stands in the log, not from dice: a line that is read again meets the same fate.
 *
 * Options:
 *   rate: the part that goes on, from 0 (none) to 1 (all); has to be given
 *   drop_counter_reason: sampling_stage; what dropped lines are counted as
 *
 *   - sampling: { rate: 0.25 }
 */

import type { ConfigNode } from '../config-node.ts';
import type { Entry } from '../entry.ts';
import { mix32 } from '../hash.ts';
import type { Stage, StageContext } from '../stage.ts';
import { readDropReason } from './drop.ts';

/** See the module comment. */
export function compileSampling(config: ConfigNode, context: StageContext): Stage {
  const fields = config.fields('sampling', ['rate', 'drop_counter_reason'], context.warn);
  const rate = fields.rate?.number('rate', { min: 0, max: 1 });
  if (rate === undefined) return config.fail('sampling needs rate, a number from 0 to 1');
  const reason = readDropReason(fields.drop_counter_reason, 'sampling_stage');
  const below = rate * 2 ** 32;
  // Two of these stages in one pipeline must not take the same lines.
  const salt = mix32(config.line);
  return {
    process({ lsn }: Entry): boolean {
      if (mix32(mix32(Math.floor(lsn / 2 ** 32) ^ salt) ^ lsn) < below) return true;
      context.counts.drop(reason);
      return false;
    },
  };
}
