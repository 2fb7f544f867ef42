import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WalCounters } from '../../src/base/wal-counters.ts';

test('tells every reason from the start and adds losses up for each', () => {
  const counters = new WalCounters(['disk', 'full']);
  assert.deepEqual(Object.fromEntries(counters.gaps), {
    disk: { gaps: 0, bytes: 0, frames: 0 },
    full: { gaps: 0, bytes: 0, frames: 0 },
  });
  counters.gap('full', 100, 3);
  counters.gap('full', 50);
  assert.deepEqual(counters.gaps.get('full'), { gaps: 2, bytes: 150, frames: 3 });
  assert.deepEqual(counters.gaps.get('disk'), { gaps: 0, bytes: 0, frames: 0 });
});

test('tells what each endpoint was told, and of each of those all reasons', () => {
  const counters = new WalCounters(['disk', 'full']);
  assert.deepEqual([...counters.told], []);
  counters.tell('eu', 'full', 100, 3);
  counters.tell('eu', 'full', 50);
  counters.tell('us', 'damage', 7, 1);
  const toldTo = (endpoint: string) => Object.fromEntries(counters.told.get(endpoint) ?? []);
  const disk = { gaps: 0, bytes: 0, frames: 0 };
  assert.deepEqual(toldTo('eu'), { disk, full: { gaps: 2, bytes: 150, frames: 3 } });
  assert.deepEqual(toldTo('us'), { disk, full: disk, damage: { gaps: 1, bytes: 7, frames: 1 } });
  assert.deepEqual(counters.gaps.get('full'), disk, 'what the log lost is another matter');
});

test('loses no loss whose reason nobody announced', () => {
  const counters = new WalCounters<string>([]);
  counters.gap('new', 7, 1);
  assert.deepEqual([...counters.gaps], [['new', { gaps: 1, bytes: 7, frames: 1 }]]);
});

test('puts a failed write into one of three classes', () => {
  const counters = new WalCounters([]);
  for (const errno of ['ENOSPC', 'EDQUOT', 'EIO', 'EROFS', undefined]) counters.writeError(errno);
  assert.deepEqual(counters.writeErrors, { enospc: 2, eio: 1, other: 2 });
});
