/** The state of a source in its cursor: few bytes, and never taken for what it is not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { decodeState, encodeState, pipelineMarkOf } from '../../src/shipper/source-state.ts';
import type { ChainState } from '../../src/shipper/time-chain.ts';
import { cursorStateBytesMax } from '../../src/wal/index.ts';

const times: ChainState = [1_700_000_000, 1, 1_700_000_000, 4];

test('a state comes back as it was', () => {
  const stages = [[0.5, 1_700_000_000, 7], [1], []];
  const bytes = encodeState({ times, stages }, 77);
  assert.ok(bytes.length <= cursorStateBytesMax);
  assert.deepEqual(decodeState(bytes, 77), { times, stages });
});

test('stages that have changed begin anew, and times go on', () => {
  const bytes = encodeState({ times, stages: [[1, 2, 3]] }, 77);
  assert.deepEqual(decodeState(bytes, 78), { times, stages: [] });
  const marks = [undefined, '- labels: {a: }', '- labels: {b: }'].map((stages) =>
    pipelineMarkOf({ ...(stages && { stages }), level: 'off', dropBlank: false }),
  );
  assert.equal(new Set(marks).size, 3);
});

test('what does not fit is left out from the end, and the times stay', () => {
  const many = Array.from({ length: 100 }, (_, index) => index);
  const { times: found, stages } = decodeState(
    encodeState({ times, stages: [[1], many, [2]] }, 1),
    1,
  ) ?? { times: [], stages: [] };
  assert.deepEqual(found, times);
  const [first, cut = []] = stages;
  assert.deepEqual(first, [1]);
  assert.ok(cut.length > 5);
  assert.deepEqual(cut, many.slice(0, cut.length));
});

test('any bytes are a state or none, and never a throw', () => {
  assert.equal(decodeState(undefined, 1), undefined);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const state = decodeState(bytes, 1);
      assert.ok((state?.times?.length ?? 0) <= 255);
    }),
  );
  const whole = encodeState({ times, stages: [[1, 2]] }, 1);
  for (let length = 0; length < whole.length; length += 1) {
    decodeState(whole.subarray(0, length), 1);
  }
});
