/**
 * The hand-written decoder against protobufjs, and against garbage.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { PushMessage } from './message.ts';
import { decodePushRequest, ProtoError } from './proto.ts';
import { encodePush, pushRequestType } from './schema.ts';
import { entry } from './testing.ts';

const timestamps = fc.record({
  seconds: fc.oneof(
    fc.integer({ min: -62_135_596_800, max: 253_402_300_799 }),
    fc.integer({ min: -5, max: 5 }),
  ),
  nanos: fc.integer({ min: 0, max: 999_999_999 }),
});
const pairs = fc.record({ name: fc.string(), value: fc.string({ unit: 'grapheme' }) });
const entries = fc.record(
  {
    timestamp: timestamps,
    line: fc.uint8Array({ maxLength: 300 }),
    structuredMetadata: fc.array(pairs, { maxLength: 3 }),
  },
  { requiredKeys: ['line'] },
);
const requests = fc.array(
  fc.record({ labels: fc.string(), entries: fc.array(entries, { maxLength: 5 }) }),
  { maxLength: 4 },
);

/** What a message holds, by our decoder, in the shape of `byProtobufjs`. */
function byHand(bytes: Buffer): unknown {
  const message = new PushMessage();
  decodePushRequest(bytes, message);
  return message.streams.map(({ labels, first, end }) => ({
    labels,
    entries: Array.from({ length: end - first }, (_, offset) => {
      const row = first + offset;
      return {
        seconds: message.seconds[row],
        nanos: message.nanos[row],
        line: bytes.toString('hex', message.lineStart[row], message.lineEnd[row]),
        pairs: message.metaPairs[row],
        metaBytes: message.metaBytes[row],
      };
    }),
  }));
}

function byProtobufjs(bytes: Buffer): unknown {
  const request = pushRequestType.toObject(pushRequestType.decode(bytes), {
    longs: Number,
    arrays: true,
    defaults: true,
  }) as {
    streams: {
      labels: string;
      entries: {
        timestamp: { seconds: number; nanos: number } | null;
        line: Uint8Array;
        structuredMetadata: { name: string; value: string }[];
      }[];
    }[];
  };
  return request.streams.map(({ labels, entries }) => ({
    labels,
    entries: entries.map(({ timestamp, line, structuredMetadata }) => ({
      seconds: timestamp?.seconds ?? -62_135_596_800,
      nanos: timestamp?.nanos ?? 0,
      line: Buffer.from(line).toString('hex'),
      pairs: structuredMetadata.length,
      metaBytes: structuredMetadata.reduce(
        (sum, { name, value }) => sum + Buffer.byteLength(name + value),
        0,
      ),
    })),
  }));
}

test('decodes random messages as protobufjs does', () => {
  fc.assert(
    fc.property(requests, (streams) => {
      const bytes = encodePush(streams);
      assert.deepEqual(byHand(bytes), byProtobufjs(bytes));
    }),
    { numRuns: 500 },
  );
});

test('passes over unknown fields', () => {
  const known = encodePush([{ labels: '{}', entries: [entry('x')] }]);
  const unknown = Buffer.from([0x78, 0x96, 0x01, 0x7a, 0x02, 1, 2, 0x7d, 1, 2, 3, 4]);
  assert.deepEqual(byHand(Buffer.concat([unknown, known, unknown])), byHand(known));
});

test('never crashes on garbage: it decodes or throws ProtoError', () => {
  const whole = encodePush([
    {
      labels: '{a="1"}',
      entries: [{ ...entry('line'), structuredMetadata: [{ name: 'n', value: 'v' }] }],
    },
  ]);
  const decodes = (bytes: Buffer) => {
    try {
      const message = new PushMessage();
      decodePushRequest(bytes, message);
      for (let row = 0; row < message.count; row++) {
        assert.ok((message.lineEnd[row] as number) <= bytes.length);
      }
    } catch (error) {
      assert.ok(error instanceof ProtoError, String(error));
    }
  };
  for (let length = 0; length < whole.length; length++) {
    decodes(whole.subarray(0, length));
    for (let bit = 0; bit < 8; bit++) {
      const flipped = Buffer.from(whole);
      flipped[length] = (flipped[length] as number) ^ (1 << bit);
      decodes(flipped);
    }
  }
  const garbage = fc.uint8Array({ maxLength: 200 });
  fc.assert(
    fc.property(garbage, (bytes) => decodes(Buffer.from(bytes))),
    { numRuns: 2000 },
  );
});
