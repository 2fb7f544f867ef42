import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import {
  anyCuts,
  anyFrame,
  encodeBody,
  encodeFrame,
  logEntryType,
  numberedFrames,
  type TestFrame,
} from './frames.ts';

/** What protobufjs writes for the frame; proto3 leaves zero values out. */
function encodeByOracle(frame: TestFrame): Buffer {
  const { source, timeNano, line, partial, last, id, ordinal } = frame;
  const hasMetadata = last !== undefined || id !== undefined || ordinal !== undefined;
  const metadata = { ...(last && { last }), ...(id && { id }), ...(ordinal && { ordinal }) };
  const message = logEntryType.fromObject({
    ...(source !== '' && { source }),
    ...(timeNano !== 0n && { time_nano: String(timeNano) }),
    ...(line.length > 0 && { line }),
    ...(partial === true && { partial }),
    ...(hasMetadata && { partial_log_metadata: metadata }),
  });
  return Buffer.from(logEntryType.encode(message).finish());
}

test('encodes bodies as protobufjs does', () => {
  fc.assert(
    fc.property(anyFrame, (frame) => {
      assert.deepEqual(encodeBody(frame), encodeByOracle(frame));
    }),
  );
});

test('makes numbered frames like single ones, with times that grow', () => {
  const bytes = numberedFrames('n ', 8, 11);
  const messages: { line: string; timeNano: bigint }[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 4 + bytes.readUInt32BE(at);
    const body = logEntryType.decode(bytes.subarray(at + 4, end));
    const wire = logEntryType.toObject(body, { longs: String }) as {
      line: Buffer;
      time_nano: string;
    };
    const { line } = wire;
    const timeNano = BigInt(wire.time_nano);
    assert.deepEqual(bytes.subarray(at, end), encodeFrame({ source: 'stdout', timeNano, line }));
    messages.push({ line: line.toString(), timeNano });
    at = end;
  }
  assert.deepEqual(
    messages.map((message) => message.line),
    ['n 8', 'n 9', 'n 10', 'n 11'],
  );
  const times = messages.map((message) => message.timeNano);
  assert.ok(times.every((time, index) => index === 0 || time > (times[index - 1] ?? time)));
});

test('cuts bytes into pieces that are the bytes again', () => {
  fc.assert(
    fc.property(anyCuts, fc.nat({ max: 100 }), (cut, length) => {
      const bytes = Buffer.from(Array.from({ length }, (_, index) => index));
      assert.deepEqual(Buffer.concat(cut(bytes)), bytes);
    }),
  );
});
