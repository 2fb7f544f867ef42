/** Times of entries: no two of a source alike, in order, and the same again from the same state. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { TimeChain } from '../../src/shipper/time-chain.ts';

const base = 1_700_000_000;

function run(chain: TimeChain, times: readonly (readonly [number, number])[], from = 0): bigint[] {
  return times.map(([seconds, nanos], index) => {
    chain.next(seconds, nanos, from + index);
    assert.ok(chain.nanos >= 0 && chain.nanos < 1e9 && Number.isInteger(chain.nanos));
    return BigInt(chain.seconds) * 1_000_000_000n + BigInt(chain.nanos);
  });
}

describe('times of entries', () => {
  it('stay as they are while they grow', () => {
    const times = run(new TimeChain(), [
      [base, 5],
      [base, 6],
      [base + 1, 0],
    ]);
    const first = BigInt(base) * 1_000_000_000n;
    assert.deepEqual(times, [first + 5n, first + 6n, first + 1_000_000_000n]);
  });

  it('are a nanosecond later for each line with the time of the one before, over a second, too', () => {
    const times = run(new TimeChain(), [
      [base, 999_999_999],
      [base, 999_999_999],
      [base + 1, 0],
      [base + 1, 0],
      [base + 1, 9],
    ]);
    const first = BigInt(base) * 1_000_000_000n + 999_999_999n;
    assert.deepEqual(times, [first, first + 1n, first + 2n, first + 3n, first + 10n]);
  });

  it('of lines that come late are different from those given out before', () => {
    const seconds = [0, 1, 0, 1, 0, 1, 0].map((second): [number, number] => [base + second, 0]);
    const times = run(new TimeChain(), seconds);
    assert.equal(new Set(times).size, times.length);
    times.forEach((time, index) => {
      const own = BigInt(seconds[index]?.[0] ?? 0) * 1_000_000_000n;
      assert.ok(time >= own && time < own + 1000n, `${time} for ${own}`);
    });
  });

  it('follow a clock that is set back, in order', () => {
    const times = run(new TimeChain(), [
      [base, 0],
      [base - 3600, 0],
      [base - 3600, 0],
      [base - 3600, 7],
    ]);
    const back = BigInt(base - 3600) * 1_000_000_000n;
    assert.deepEqual(times.slice(1), [back, back + 1n, back + 7n]);
  });

  it('are different for any lines with times in order, and in order themselves', () => {
    const steps = fc.array(fc.constantFrom(0, 0, 0, 1, 2, 999_999_999), { maxLength: 50 });
    fc.assert(
      fc.property(steps, (gaps) => {
        let [seconds, nanos] = [base, 999_999_990];
        const lines = gaps.map((gap): [number, number] => {
          nanos += gap;
          if (nanos >= 1e9) [seconds, nanos] = [seconds + 1, nanos - 1e9];
          return [seconds, nanos];
        });
        const times = run(new TimeChain(), lines);
        times.forEach((time, index) => assert.ok(index === 0 || time > (times[index - 1] ?? 0n)));
      }),
    );
  });

  it('are the same again from any state on', () => {
    const time = fc.tuple(
      fc.integer({ min: base - 100, max: base + 2 }),
      fc.constantFrom(0, 1, 500, 1000, 999_999_000, 999_999_999),
    );
    fc.assert(
      fc.property(fc.array(time, { maxLength: 40 }), fc.nat(), (lines, at) => {
        const cut = lines.length === 0 ? 0 : at % lines.length;
        const whole = run(new TimeChain(), lines);
        const before = new TimeChain();
        run(before, lines.slice(0, cut));
        const after = new TimeChain();
        after.restore([...before.state]);
        assert.deepEqual(run(after, lines.slice(cut), cut), whole.slice(cut));
      }),
    );
  });

  it('begin anew from what is no state', () => {
    const broken = [undefined, [], [1, 2, 3], [1, -1, 1, 0], [0, 0, 0, 1e9], [Number.NaN, 0, 0, 0]];
    for (const state of broken) {
      const chain = new TimeChain();
      chain.restore(state);
      assert.deepEqual(run(chain, [[base, 3]]), [BigInt(base) * 1_000_000_000n + 3n]);
    }
  });
});
