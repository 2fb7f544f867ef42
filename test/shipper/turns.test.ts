/** Whose turn it is, how large a batch may get, and when one goes out that is not full. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { BatchSize } from '../../src/shipper/batch-size.ts';
import { Pace } from '../../src/shipper/pace.ts';
import { quantumBytes, Turns } from '../../src/shipper/turns.ts';

interface Taker {
  name: string;
  deficitBytes: number;
}

const taker = (name: string): Taker => ({ name, deficitBytes: 0 });

describe('turns', () => {
  it('gives a loud one no second turn before a thousand quiet ones had theirs', () => {
    const turns = new Turns<Taker>();
    const loud = taker('loud');
    turns.wake(loud, false);
    const quiet = Array.from({ length: 999 }, (_, index) => taker(`quiet ${index}`));
    for (const each of quiet) turns.wake(each, false);
    const order: string[] = [];
    while (turns.size > 1 || order.length < 1001) {
      const next = turns.next(false);
      assert.ok(next !== undefined);
      order.push(next.name);
      turns.took(next, next === loud ? next.deficitBytes : 100, next === loud);
    }
    assert.equal(order.lastIndexOf('loud'), 1000);
    assert.equal(order.indexOf('loud', 1), 1000);
  });

  it('makes up for what was read too much: shares are equal in the long run', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 1 << 20 }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(fc.array(sizes, { minLength: 2, maxLength: 5 }), (blocks) => {
        const turns = new Turns<Taker>();
        const read = new Map<Taker, number>();
        const takers = blocks.map((_, index) => taker(String(index)));
        for (const each of takers) turns.wake(each, false);
        for (let turn = 0; turn < 400; turn += 1) {
          const next = turns.next(false);
          assert.ok(next !== undefined && next.deficitBytes > 0);
          // Blocks are read as a whole, whatever is left of the turn.
          const own = blocks[takers.indexOf(next)] ?? [];
          const bytes = own[turn % own.length] ?? 1;
          read.set(next, (read.get(next) ?? 0) + bytes);
          turns.took(next, bytes, true);
        }
        const all = takers.map((each) => read.get(each) ?? 0);
        const spread = Math.max(...all) - Math.min(...all);
        assert.ok(spread <= 2 * ((1 << 20) + quantumBytes), `${spread} bytes apart`);
      }),
      { numRuns: 50 },
    );
  });

  it('leaves one in front whose turn was cut short, and lets it have the rest', () => {
    const turns = new Turns<Taker>();
    const [first, second] = [taker('first'), taker('second')];
    turns.wake(first, false);
    turns.wake(second, false);
    assert.equal(turns.next(false), first);
    turns.took(first, 1000, true);
    assert.equal(turns.next(false), first);
    assert.equal(first.deficitBytes, quantumBytes - 1000);
    turns.took(first, quantumBytes - 1000, true);
    assert.equal(turns.next(false), second);
  });

  it('forgets the deficit of one that has nothing to read', () => {
    const turns = new Turns<Taker>();
    const one = taker('one');
    turns.wake(one, false);
    turns.next(false);
    turns.took(one, 5_000_000, false);
    assert.equal(turns.next(false), undefined);
    turns.wake(one, false);
    assert.equal(turns.next(false)?.deficitBytes, quantumBytes);
  });

  it('keeps those apart that have something under way', () => {
    const turns = new Turns<Taker>();
    const one = taker('one');
    turns.wake(one, true);
    turns.wake(one, true);
    assert.deepEqual([turns.size, turns.next(false), turns.next(true)], [1, undefined, one]);
    turns.setBusy(one, false);
    assert.deepEqual([turns.next(false), turns.next(true)], [one, undefined]);
    turns.remove(one);
    turns.setBusy(one, true);
    assert.equal(turns.size, 0);
  });
});

describe('the pace', () => {
  it('sends the first after a silence at once', () => {
    assert.equal(new Pace(1000).dueAtMs, Number.NEGATIVE_INFINITY);
  });

  it('waits 100 ms from one send to the next, longer for a slow endpoint, never over the setting', () => {
    const pace = new Pace(1000);
    pace.sent(5000);
    assert.equal(pace.dueAtMs, 5100);
    pace.delivered(10);
    assert.equal(pace.dueAtMs, 5100);
    pace.delivered(80);
    assert.equal(pace.dueAtMs, 5320);
    pace.delivered(9000);
    assert.equal(pace.dueAtMs, 6000);
    const eager = new Pace(20);
    eager.sent(5000);
    assert.equal(eager.dueAtMs, 5020);
  });
});

describe('the size of batches', () => {
  it('is halved by each limit down to 16 KiB, and doubled by each delivery up to the setting', () => {
    const size = new BatchSize(1 << 20);
    assert.equal(size.bytesAt(0), 1 << 20);
    size.limited();
    assert.equal(size.bytesAt(0), 1 << 19);
    for (let times = 0; times < 20; times += 1) size.limited();
    assert.equal(size.bytesAt(0), 16 * 1024);
    for (let times = 0; times < 20; times += 1) size.delivered();
    assert.equal(size.bytesAt(0), 1 << 20);
  });

  it('stays below what was too large for ten minutes', () => {
    const size = new BatchSize(1 << 20);
    size.tooLarge(800_000, 1000);
    assert.equal(size.bytesAt(1000), 400_000);
    size.delivered();
    assert.equal(size.bytesAt(600_999), 400_000);
    assert.equal(size.bytesAt(601_000), 1 << 20);
  });

  it('is small after an outage, and never above or below a setting that is smaller still', () => {
    const size = new BatchSize(1 << 20);
    size.restarted();
    assert.equal(size.bytesAt(0), 64 * 1024);
    const tiny = new BatchSize(600);
    tiny.restarted();
    tiny.limited();
    tiny.tooLarge(600, 0);
    assert.equal(tiny.bytesAt(0), 600);
  });
});
