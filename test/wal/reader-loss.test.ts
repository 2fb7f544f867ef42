import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lossOfFound } from '../../src/wal/index.ts';

test('frames that a reader has are not missing, though what stood before the gap is given up', () => {
  const gap = { fromLsn: 1000, toLsn: 3000, reason: 'damage' as const };
  // Only the beginning of what was given up can be asked: 30 of the 50 frames were read.
  const loss = lossOfFound({ ...gap, frames: 50, ordinalBehind: 50 }, 30);
  assert.equal(loss.frames, 20);
  assert.equal(loss.ordinalBehind, 50);
  // A reader that counted too few takes the word of the disk.
  assert.equal(lossOfFound({ ...gap, frames: 50, ordinalBehind: 150 }, 30).frames, 50);
  // Nobody knows how many frames an end of the stream has lost.
  assert.equal(lossOfFound(gap, 30).frames, undefined);
});
