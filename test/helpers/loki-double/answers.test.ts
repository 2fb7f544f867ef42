/**
 * The double's answer to one push, for every row of facts/loki-push.md.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compressSync } from 'snappy';
import type { LokiDoubleOptions } from './loki-double.ts';
import { encodePush, type PlainEntry } from './schema.ts';
import {
  entry,
  hour,
  nowSeconds,
  protoBody,
  protoHeaders,
  send,
  week,
  withDouble,
} from './testing.ts';

const labelsOf = (count: number) =>
  `{${Array.from({ length: count }, (_, index) => `l${index}="v"`).join(',')}}`;

interface Row {
  readonly name: string;
  readonly labels?: string;
  readonly entries?: PlainEntry[];
  readonly body?: Uint8Array;
  readonly headers?: Record<string, string>;
  readonly options?: LokiDoubleOptions;
  readonly status: number;
  readonly text: string;
  readonly stored: number;
}

const tooOld = 'entry for stream \'{a="1"}\' has timestamp too old: ';
const tooNew = 'entry for stream \'{a="1"}\' has timestamp too new: ';
const good = entry('good');
const badLabels = "couldn't parse labels: ";

const rows: Row[] = [
  { name: 'a good batch', entries: [good], status: 204, text: '', stored: 1 },
  {
    name: 'no tenant with auth on',
    entries: [good],
    options: { auth: true },
    status: 401,
    text: 'no org id',
    stored: 0,
  },
  {
    name: 'a tenant with auth on',
    entries: [good],
    options: { auth: true },
    headers: { ...protoHeaders, 'x-scope-orgid': 'team' },
    status: 204,
    text: '',
    stored: 1,
  },
  ...[
    '{a=1}',
    '{a.b="1"}',
    '',
    'a="1"',
    '{a="1"',
    '{a="1"}x',
    "{a='1'}",
    '{a="\\q"}',
    '{a="\n"}',
    '{a=~"1"}',
    '{1a="1"}',
    '{,}',
    '{a="\\ud800"}',
  ].map((labels) => ({
    name: `labels ${JSON.stringify(labels)}`,
    labels,
    entries: [good],
    status: 400,
    text: badLabels,
    stored: 0,
  })),
  { name: 'labels {}', labels: '{}', entries: [good], status: 204, text: '', stored: 1 },
  { name: 'a stream without entries', entries: [], status: 204, text: '', stored: 0 },
  {
    name: 'a stream without entries whose labels are bad',
    labels: '{a=1}',
    entries: [],
    status: 204,
    text: '',
    stored: 0,
  },
  { name: 'an empty line', entries: [entry('')], status: 204, text: '', stored: 1 },
  {
    name: 'no streams',
    body: compressSync(encodePush([])),
    status: 422,
    text: 'error at least one valid stream is required for ingestion',
    stored: 0,
  },
  { name: 'a week old', entries: [entry('x', -week)], status: 204, text: '', stored: 1 },
  {
    name: 'a nanosecond over a week old',
    entries: [entry('x', -week - 1, 999_999_999)],
    status: 400,
    text: tooOld,
    stored: 0,
  },
  {
    name: 'a limit of age within a second',
    entries: [entry('x', -week, 500_000_000), entry('x', -week, 499_999_999)],
    options: { now: () => nowSeconds * 1000 + 500 },
    status: 400,
    text: tooOld,
    stored: 1,
  },
  {
    name: 'no timestamp',
    entries: [{ line: 'x' }, good],
    status: 400,
    text: tooOld,
    stored: 1,
  },
  { name: 'ten minutes ahead', entries: [entry('x', 600)], status: 204, text: '', stored: 1 },
  {
    name: 'a nanosecond over ten minutes ahead',
    entries: [entry('x', 600, 1), good],
    status: 400,
    text: tooNew,
    stored: 1,
  },
  {
    name: 'an hour behind the newest',
    entries: [entry('new', 0, 5), entry('x', -hour, 5)],
    status: 204,
    text: '',
    stored: 2,
  },
  {
    name: 'over an hour behind the newest',
    entries: [entry('new', 0, 5), entry('x', -hour, 4), entry('newer', 1)],
    status: 400,
    text: 'entry too far behind',
    stored: 2,
  },
  {
    name: 'out of order',
    entries: [entry('c', 2), entry('a', 0), entry('b', 1)],
    status: 204,
    text: '',
    stored: 3,
  },
  {
    name: 'the longest line',
    entries: [entry('x'.repeat(256 << 10))],
    status: 204,
    text: '',
    stored: 1,
  },
  {
    name: 'a line that is too long',
    entries: [entry('x'.repeat((256 << 10) + 1)), good],
    status: 400,
    text: "Max entry size '262144' bytes exceeded for stream ",
    stored: 1,
  },
  { name: '15 labels', labels: labelsOf(15), entries: [good], status: 204, text: '', stored: 1 },
  {
    name: '16 labels',
    labels: labelsOf(16),
    entries: [good],
    status: 400,
    text: `entry for stream '${labelsOf(16)}' has 16 label names; limit 15`,
    stored: 0,
  },
  {
    name: 'a long label name',
    labels: `{${'n'.repeat(1025)}="1"}`,
    entries: [good],
    status: 400,
    text: `stream '{${'n'.repeat(1025)}="1"}' has label name too long`,
    stored: 0,
  },
  {
    name: 'a long label value',
    labels: `{a="${'v'.repeat(2049)}"}`,
    entries: [good],
    status: 400,
    text: `stream '{a="${'v'.repeat(2049)}"}' has label value too long`,
    stored: 0,
  },
  {
    name: 'a body that is not Snappy',
    body: Buffer.from('garbage'),
    status: 400,
    text: 'snappy: corrupt input',
    stored: 0,
  },
  { name: 'no body', body: Buffer.alloc(0), status: 400, text: 'snappy: corrupt input', stored: 0 },
  {
    name: 'Snappy over something else',
    body: compressSync(Buffer.from('garbage')),
    status: 400,
    text: 'proto: ',
    stored: 0,
  },
  {
    name: 'a rate that the tenant exceeds',
    entries: [good, entry('x'.repeat(100))],
    options: { limits: { tenantBytesPerSecond: 1, tenantBurstBytes: 100 } },
    status: 429,
    text: 'Ingestion rate limit exceeded for user fake',
    stored: 0,
  },
  {
    name: 'a rate that the stream exceeds',
    entries: [good, entry('x'.repeat(100))],
    options: { limits: { streamBytesPerSecond: 1, streamBurstBytes: 100 } },
    status: 429,
    text: 'Ingestion rate limit exceeded for user fake',
    stored: 1,
  },
  {
    name: 'a body over the limit',
    entries: [good],
    options: { limits: { bodyBytesMax: 20 } },
    status: 413,
    text: 'request body too large',
    stored: 0,
  },
  {
    name: 'a message over the limit in a small body',
    entries: [entry('x'.repeat(2000))],
    options: { limits: { bodyBytesMax: 1000 } },
    status: 413,
    text: 'request body too large',
    stored: 0,
  },
  {
    name: 'no content type',
    entries: [good],
    headers: { 'content-type': '' },
    status: 400,
    text: 'mime: no media type',
    stored: 0,
  },
];

for (const row of rows) {
  test(`answers ${row.status} to ${row.name} and stores ${row.stored}`, async () => {
    await withDouble(async (double) => {
      const body = row.body ?? protoBody(row.labels ?? '{a="1"}', ...(row.entries ?? []));
      const { status, text } = await send(double, body, row.headers);
      assert.equal(status, row.status, text);
      assert.ok(row.text === '' ? text === '' : text.startsWith(row.text), text.slice(0, 300));
      assert.equal(double.entries, row.stored);
      assert.deepEqual(double.counts().requestsByStatus, { [row.status]: 1 });
    }, row.options);
  });
}
