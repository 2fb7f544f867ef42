/** Every request is also decoded from its protobuf form, by a decoder that is not ours. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { labelsToJson } from '../../src/encode/label-object.ts';
import { encodeLokiJson } from '../../src/encode/loki-json.ts';
import { PushBatch } from '../../src/encode/push-batch.ts';
import { goQuote } from '../../src/pipeline/go-quote.ts';
import { decodeJsonPush } from '../helpers/loki-double/json.ts';
import { formatLabels, parseLabels } from '../helpers/loki-double/labels.ts';
import { PushMessage } from '../helpers/loki-double/message.ts';
import { decodeMetadata, decodePushRequest } from '../helpers/loki-double/proto.ts';
import { encodePush, type PlainStream } from '../helpers/loki-double/schema.ts';

/** A request as plain values; lines as text, because JSON has no other. */
function plain(message: PushMessage): unknown[] {
  return message.streams.map(({ labels, first, end }) => {
    const entries = [];
    for (let row = first; row < end; row++) {
      const line = message.bytes.toString('utf8', message.lineStart[row], message.lineEnd[row]);
      const time = [message.seconds[row], message.nanos[row]];
      const [from, to] = [message.metaStart[row] ?? 0, message.metaEnd[row] ?? 0];
      entries.push([...time, line, decodeMetadata(message.bytes, from, to)]);
    }
    const parsed = parseLabels(labels);
    return ['reason' in parsed ? assert.fail(labels) : parsed.text, entries];
  });
}

function assertSame(request: Buffer): void {
  const fromProto = new PushMessage();
  decodePushRequest(request, fromProto);
  const fromJson = new PushMessage();
  decodeJsonPush(encodeLokiJson(request).toString(), fromJson);
  assert.deepEqual(plain(fromJson), plain(fromProto));
}

const name = fc.stringMatching(/^[a-zA-Z_][a-zA-Z0-9_]{0,8}$/);
const labels = fc
  .uniqueArray(fc.tuple(name, fc.string({ unit: 'binary', minLength: 1 })), {
    selector: ([key]) => key,
  })
  .map(formatLabels);
const metadata = fc.uniqueArray(
  fc.record({ name, value: fc.string({ unit: 'binary' }).map((text) => text.toWellFormed()) }),
  // An object of JSON puts names that are numbers first; `name` never is one.
  { selector: (pair) => pair.name, maxLength: 3 },
);
const line = fc.oneof(
  fc.string({ unit: 'binary' }).map((text) => text.toWellFormed()),
  fc.uint8Array(),
);
const entry = fc.record({
  timestamp: fc.record({
    seconds: fc.integer({ min: -9_223_372_036, max: 9_223_372_035 }),
    nanos: fc.integer({ min: 0, max: 999_999_999 }),
  }),
  line,
  structuredMetadata: metadata,
});
const streams = fc.array(fc.record({ labels, entries: fc.array(entry) }));

test('says the same as the protobuf form, whatever is in it', () => {
  fc.assert(
    fc.property(streams, (request) => {
      assertSame(encodePush(request.map((stream): PlainStream => ({ ...stream }))));
    }),
  );
});

test('says the same as what the program itself encodes', () => {
  const batch = new PushBatch();
  const lines = ['plain', '', 'NUL \0 and \u001b[31m', '"quoted" \\ \u2028', '\u00e4\u{1f600}'];
  for (const text of lines) {
    const bytes = Buffer.from(text);
    batch.append(batch.stream('{a="1", b="x\\ny"}'), 1_790_000_000, 5, bytes, 0, bytes.length);
    batch.append(batch.stream('{a="2"}'), -1, 999_999_999, bytes, 0, bytes.length);
    batch.append(batch.stream('{a="2"}'), 0, 0, bytes, 0, bytes.length);
  }
  assertSame(batch.encode());
});

test('puts U+FFFD where a line is not UTF-8, and changes nothing else of it', () => {
  const bytes = Buffer.concat([Buffer.from('a'), Buffer.from([0xff, 0xc3]), Buffer.from('z')]);
  const batch = new PushBatch();
  batch.append(batch.stream('{a="1"}'), 1, 2, bytes, 0, bytes.length);
  assert.equal(
    encodeLokiJson(batch.encode()).toString(),
    '{"streams":[{"stream":{"a":"1"},"values":[["1000000002","a\ufffd\ufffdz"]]}]}',
  );
});

test('keeps nanoseconds of all times that an entry can have', () => {
  const rows: [number, number, string][] = [
    [0, 0, '0'],
    [0, 7, '7'],
    [1, 7, '1000000007'],
    [1_790_000_000, 123_456_789, '1790000000123456789'],
    [-1, 999_999_999, '-1'],
    [-62_135_596_800, 0, '-62135596800000000000'],
  ];
  for (const [seconds, nanos, expected] of rows) {
    const batch = new PushBatch();
    batch.append(batch.stream('{}'), seconds, nanos, Buffer.from('x'), 0, 1);
    const text = encodeLokiJson(batch.encode()).toString();
    assert.equal(text, `{"streams":[{"stream":{},"values":[["${expected}","x"]]}]}`);
  }
});

test('reads labels in every spelling that the program writes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), name, (value, key) => {
      const text = value.toWellFormed();
      assert.deepEqual(JSON.parse(labelsToJson(`{${key}=${goQuote(text)}}`)), { [key]: text });
    }),
  );
  assert.equal(labelsToJson(' { a = "1" , b="\\x41\\a"} '), '{"a":"1","b":"A\\u0007"}');
  assert.equal(labelsToJson('{a="1",}'), '{"a":"1"}');
  assert.equal(labelsToJson('{}'), '{}');
});

test('makes of labels that cannot be read an object that Loki refuses', () => {
  const wrong = ['', 'a="1"', '{a=1}', '{a="1" b="2"}', '{a.b="1"}', '{a=~"1"}', '{a="1'];
  wrong.push('{a="\\xff"}', '{a="\\ud800"}', '{a="\\q"}', '{a="\n"}', '{,}', '{a="\\"}');
  for (const selector of wrong) {
    const object = JSON.parse(labelsToJson(selector)) as Record<string, string>;
    assert.deepEqual(object, { [selector]: 'unreadable' });
    assert.ok('reason' in parseLabels(formatLabels(Object.entries(object))), selector);
  }
});

test('reads labels in linear time', () => {
  const began = performance.now();
  labelsToJson(`{a="${'\\n'.repeat(200_000)}`);
  labelsToJson(`{${'a="",'.repeat(100_000)}`);
  assert.ok(performance.now() - began < 5000);
});

test('refuses what is no push request, and never reads behind its end', () => {
  const request = encodePush([{ labels: '{a="1"}', entries: [{ line: 'x'.repeat(50) }] }]);
  for (let length = 1; length < request.length; length++) {
    const part = request.subarray(0, length);
    assert.throws(() => encodeLokiJson(part), RangeError, String(length));
  }
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1 }), (bytes) => {
      try {
        JSON.parse(encodeLokiJson(Buffer.from(bytes)).toString());
      } catch (error) {
        assert.ok(error instanceof RangeError, String(error));
      }
    }),
  );
});
