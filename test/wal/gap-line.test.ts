/** What an operator reads where lines are missing, and when. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gapLine, gapTimeNs } from '../../src/wal/index.ts';
import { gapReasons } from '../../src/wal/meta-record.ts';

test('says how much is missing, why, and names the reason last', () => {
  assert.equal(
    gapLine({ reason: 'evicted', bytes: 567_890, frames: 1300, lines: 1234 }),
    'holdfast: 1,234 lines (567,890 bytes) are missing here: ' +
      'the WAL was over its limit and dropped the oldest (evicted)',
  );
  assert.equal(
    gapLine({ reason: 'expired', bytes: 1, lines: 1 }),
    'holdfast: 1 line (1 byte) is missing here: ' +
      'they grew older than wal-max-age before they were delivered (expired)',
  );
});

test('says of what it does not know that it is not known', () => {
  const start = (gap: object): string =>
    gapLine({ reason: 'disk', ...gap }).split(' missing')[0] ?? '';
  assert.equal(start({}), 'holdfast: an unknown number of lines (size unknown) is');
  assert.equal(start({ bytes: 9 }), 'holdfast: an unknown number of lines (9 bytes) is');
  assert.equal(start({ frames: 1000 }), 'holdfast: up to 1,000 lines (size unknown) are');
  assert.equal(start({ frames: 1, bytes: 2 }), 'holdfast: up to 1 line (2 bytes) is');
  assert.equal(start({ frames: 0, bytes: 7 }), 'holdfast: part of a line (7 bytes) is');
  assert.equal(start({ frames: 3, lines: 0 }), 'holdfast: part of a line (size unknown) is');
});

test('has a sentence of its own for every reason, in one line of plain text', () => {
  const sentences = gapReasons.map((reason) => gapLine({ reason, bytes: 5 }));
  assert.equal(
    new Set(sentences.map((line) => line.replace(/ \(\w+\)$/, ''))).size,
    gapReasons.length,
  );
  for (const [index, line] of sentences.entries()) {
    assert.match(line, /^holdfast: [ -~]+ \(\w+\)$/);
    assert.ok(line.endsWith(` (${gapReasons[index]})`));
    assert.doesNotMatch(line, /not known here/);
  }
  assert.match(gapLine({ reason: 'melted' }), /a reason that is not known here \(melted\)$/);
});

test('stands at the time of the last frame before the loss, or as near as is known', () => {
  const known = { afterNs: '1700000000123456789', lastFrameNs: 5n, atMs: 7 };
  assert.equal(gapTimeNs(known, 9), 1_700_000_000_123_456_789n);
  assert.equal(gapTimeNs({ lastFrameNs: 5n, atMs: 7 }, 9), 5n);
  assert.equal(gapTimeNs({ atMs: 7.5 }, 9), 7_000_000n);
  assert.equal(gapTimeNs({}, 9), 9_000_000n);
});
