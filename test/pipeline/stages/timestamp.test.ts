import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  compilePipeline,
  configError,
  hostileLines,
  newEntry,
  type RunOptions,
  runPipeline,
  runThrough,
  type Shipped,
  warningsOf,
} from '../helpers.ts';

/** 2019-07-14T00:00:00Z. */
const summer = 1_563_062_400;

function stage(options: string): string {
  return `- regex: { expression: '(?P<ts>.*)' }\n- timestamp: { source: ts, ${options} }\n`;
}

/** Seconds with their fraction, as a text, of what comes out for a line. */
function timeOf(options: string, line: string, capturedSeconds = summer): string {
  const [entry] = runPipeline(stage(options), [line], { capturedSeconds: [capturedSeconds] });
  assert.ok(entry !== undefined);
  return textOfTime(entry);
}

function textOfTime({ seconds, nanos }: Shipped): string {
  return nanos === 0 ? String(seconds) : `${seconds}.${String(nanos).padStart(9, '0')}`;
}

const failed = String(summer);

test('reads the formats that have names', () => {
  const rows: [format: string, text: string, expected: string][] = [
    ['ANSIC', 'Mon Jan  2 15:04:05 2006', '1136214245'],
    ['UnixDate', 'Mon Jan  2 15:04:05 UTC 2006', '1136214245'],
    ['RubyDate', 'Mon Jan 02 15:04:05 -0700 2006', '1136239445'],
    ['RFC822', '02 Jan 06 15:04 UTC', '1136214240'],
    ['RFC822Z', '02 Jan 06 15:04 -0700', '1136239440'],
    ['RFC850', 'Monday, 02-Jan-06 15:04:05 UTC', '1136214245'],
    ['RFC1123', 'Mon, 02 Jan 2006 15:04:05 GMT', '1136214245'],
    ['RFC1123Z', 'Mon, 02 Jan 2006 15:04:05 -0700', '1136239445'],
    ['RFC3339', '2106-01-02T23:04:05-04:00', '4291931045'],
    ['RFC3339', '2019-10-01T01:02:03.4Z', '1569891723.400000000'],
    ['RFC3339Nano', '2019-10-01T01:02:03.400000001Z', '1569891723.400000001'],
    ['Unix', '1562708916', '1562708916'],
    ['Unix', '1562708916.414123', '1562708916.414123000'],
    ['Unix', '1562708916.000000123', '1562708916.000000123'],
    ['Unix', '1562708916.1234567891', '1562708916.123456789'],
    ['Unix', '-1', '-1'],
    ['Unix', '+5.5', '5.500000000'],
    ['UnixMs', '1562708916414', '1562708916.414000000'],
    ['UnixMs', '-1', '-1.999000000'],
    ['UnixUs', '1562708916414123', '1562708916.414123000'],
    ['UnixNs', '1562708916000000123', '1562708916.000000123'],
  ];
  for (const [format, text, expected] of rows) {
    assert.equal(timeOf(`format: ${format}`, text), expected, `${format} ${text}`);
  }
});

test('keeps the time of capture for what is no time', () => {
  const rows: [format: string, text: string][] = [
    ['RFC3339', ''],
    ['RFC3339', 'yesterday'],
    ['RFC3339', '2019-02-29T00:00:00Z'],
    ['RFC3339', '2019-10-01T24:00:00Z'],
    ['RFC3339', '2019-10-01T01:02:03Z '],
    ['Unix', ''],
    ['Unix', '1.'],
    ['Unix', '.5'],
    ['Unix', '1.2.3'],
    ['Unix', '1e9'],
    ['Unix', '99999999999999999999'],
    ['UnixMs', '1.5'],
    // Go takes what is left of it in 64 bits.
    ['UnixMs', '9223372036854775807'],
    ['UnixNs', '9223372036854775808'],
    ['UnixNs', '0x10'],
    ['Unix', '1'.repeat(1 << 20)],
  ];
  for (const [format, text] of rows) {
    assert.equal(timeOf(`format: ${format}`, text), failed, `${format} ${text.slice(0, 50)}`);
  }
});

test('reads layouts, in a location where they have no offset', () => {
  const rows: [options: string, text: string, expected: string][] = [
    [`format: '2006-01-02'`, '2009-01-01', '1230768000'],
    [`format: '06 Jan 02 15:04:05'`, '19 Jul 15 01:02:03', '1563152523'],
    [
      `format: '2006-01-02 15:04:05', location: America/New_York`,
      '2019-07-22 20:29:32',
      '1563841772',
    ],
    [
      `format: '2006-01-02 15:04:05', location: America/New_York`,
      '2019-01-22 20:29:32',
      '1548206972',
    ],
    [
      `format: '2006-01-02 15:04:05 -0700', location: America/New_York`,
      '2019-07-22 20:29:32 +0000',
      '1563827372',
    ],
    [`format: '2006-01-02 15:04:05,000'`, '2019-07-22 20:29:32,125', '1563827372.125000000'],
    // A name has UTC, and never the location.
    ['format: ANSIC, location: America/New_York', 'Mon Jan  2 15:04:05 2006', '1136214245'],
    // The clock shows this twice, and the next never: Go takes the winter's time for both.
    [`format: '2006-01-02 15:04', location: Europe/Berlin`, '2024-10-27 02:30', '1729992600'],
    [`format: '2006-01-02 15:04', location: Europe/Berlin`, '2024-03-31 02:30', '1711848600'],
  ];
  for (const [options, text, expected] of rows) {
    assert.equal(timeOf(options, text), expected, `${options} ${text}`);
  }
});

test('takes a year that is not there from the time of capture, around New Year the one next to it', () => {
  const berlin = ', location: Europe/Berlin';
  const rows: [more: string, text: string, captured: string, expected: string][] = [
    ['', 'Jul 15 01:02:03', '2019-07-14T00:00:00Z', '2019-07-15T01:02:03Z'],
    [berlin, 'Jul 15 01:02:03', '2019-07-14T00:00:00Z', '2019-07-14T23:02:03Z'],
    [berlin, 'Jan 15 01:02:03', '2019-07-14T00:00:00Z', '2019-01-15T00:02:03Z'],
    ['', 'Dec 31 23:59:59', '2019-01-01T00:00:00Z', '2018-12-31T23:59:59Z'],
    ['', 'Jan 01 01:02:03', '2018-12-31T23:59:59Z', '2019-01-01T01:02:03Z'],
    ['', 'Nov 30 00:00:00', '2019-01-01T00:00:00Z', '2019-11-30T00:00:00Z'],
    ['', 'Feb 29 00:00:00', '2020-03-01T00:00:00Z', '2020-02-29T00:00:00Z'],
    ['', 'Feb 29 00:00:00', '2019-03-01T00:00:00Z', '2019-03-01T00:00:00Z'],
  ];
  for (const [more, text, captured, expected] of rows) {
    const options = `format: 'Jan 02 15:04:05'${more}`;
    const actual = timeOf(options, text, Date.parse(captured) / 1000);
    assert.equal(actual, String(Date.parse(expected) / 1000), `${text} at ${captured}`);
  }
});

test('tries fallback formats in order', () => {
  const options = `format: UnixMs, fallback_formats: ['2006-01-02 03:04:05.000000000 +0000 UTC', RFC3339]`;
  assert.equal(timeOf(options, '2012-11-01T22:08:41-04:00'), '1351822121');
  assert.equal(timeOf(options, '1562708916414'), '1562708916.414000000');
  assert.equal(timeOf(options, 'no'), failed);
});

/** What comes out for lines with a time, and with labels by `app`. */
function fudge(lines: readonly string[], action = ''): string[] {
  const yaml = `- logfmt: { mapping: { time: , app: } }\n- labels: { app: }\n- timestamp: { source: time, format: RFC3339Nano${action} }\n`;
  return runPipeline(yaml, lines, { capturedSeconds: lines.map(() => 1) }).map(textOfTime);
}

test('goes on from the last known time of the same labels by a nanosecond', () => {
  const a = 'app=a time=2019-10-01T01:02:03.4Z';
  const b = 'app=b time=2019-10-01T01:02:03.999999999Z';
  assert.deepEqual(fudge([a, 'app=a', 'app=a time=x', a]), [
    '1569891723.400000000',
    '1569891723.400000001',
    '1569891723.400000002',
    '1569891723.400000000',
  ]);
  assert.deepEqual(fudge([a, b, 'app=a', 'app=b', 'app=a', 'app=c']), [
    '1569891723.400000000',
    '1569891723.999999999',
    '1569891723.400000001',
    '1569891724',
    '1569891723.400000002',
    '1',
  ]);
  assert.deepEqual(fudge([a, 'app=a'], ', action_on_failure: skip'), ['1569891723.400000000', '1']);
});

test('does the same again from a snapshot, and begins anew from what is none', () => {
  const test = compilePipeline(stage('format: RFC3339'));
  const lines = (options: RunOptions, ...texts: string[]): string[] =>
    runThrough(test, texts, { capturedSeconds: [1, 1, 1], ...options }).shipped.map(textOfTime);
  const a = { labels: { app: 'a' } };
  const b = { labels: { app: 'b' } };
  lines(a, '2019-10-01T01:02:03Z', 'x');
  lines(b, '2019-10-01T01:02:04Z');
  const state = test.pipeline.resumePoint.state;
  const next = [lines(a, 'x', 'x'), lines(b, 'x')];
  assert.deepEqual(next, [
    ['1569891723.000000002', '1569891723.000000003'],
    ['1569891724.000000001'],
  ]);
  test.pipeline.restore(state);
  assert.deepEqual([lines(a, 'x', 'x'), lines(b, 'x')], next);
  const again = compilePipeline(stage('format: RFC3339'));
  again.pipeline.restore(JSON.parse(JSON.stringify(state)) as typeof state);
  assert.deepEqual(again.pipeline.resumePoint.state, state);
  // Cut short, it is the newest one that is kept.
  test.pipeline.restore([state[0]?.slice(0, 4) ?? []]);
  assert.deepEqual([lines(b, 'x'), lines(a, 'x')], [next[1], ['1']]);
  for (const none of [
    undefined,
    [],
    [[1]],
    [[1, 2, Number.NaN]],
    [Array.from({ length: 63 }, () => 1)],
  ]) {
    test.pipeline.restore(none);
    assert.deepEqual(lines(a, 'x'), ['1'], JSON.stringify(none)?.slice(0, 50));
  }
  assert.deepEqual(
    compilePipeline(stage('format: ANSIC, action_on_failure: skip')).pipeline.resumePoint.state,
    [],
  );
});

test('remembers 20 sets of labels, and forgets the one that was quiet the longest', () => {
  const test = compilePipeline(stage('format: RFC3339'));
  const send = (app: number, line: string): number => {
    const entry = newEntry(line, 0, { labels: { app: String(app) }, capturedSeconds: [1] });
    test.pipeline.process(entry);
    return entry.seconds;
  };
  for (let app = 0; app < 20; app += 1) send(app, '2019-10-01T01:02:03Z');
  assert.equal(send(0, 'x'), 1_569_891_723);
  send(20, '2019-10-01T01:02:03Z');
  assert.equal(send(1, 'x'), 1);
  assert.equal(send(0, 'x'), 1_569_891_723);
  assert.equal(test.pipeline.resumePoint.state[0]?.length, 60);
});

test('survives hostile lines', () => {
  const formats = ['RFC3339Nano', 'Unix', 'UnixNs', `'Jan _2 15:04:05 MST'`, `''' 2'`];
  const all = formats.map((format) => stage(`format: ${format}, location: Asia/Kolkata`));
  // One regex is enough: it is the slow part.
  const yaml = all.map((each) => each.split('\n').slice(1).join('\n'));
  const test = compilePipeline([stage('format: ANSIC'), ...yaml].join(''));
  const { shipped, counts } = runThrough(test, hostileLines);
  assert.equal(shipped.length, hostileLines.length);
  assert.equal(counts, undefined);
});

test('says what is wrong with its configuration', () => {
  const rows: [options: string, message: string][] = [
    ['{}', 'source is missing; it names the value to take'],
    ['{ source: "", format: Unix }', 'source is empty; allowed is the name of a value'],
    ['{ source: a }', 'format is missing; it says how the time is written'],
    ['{ source: a, format: "" }', 'format is missing; it says how the time is written'],
    [
      '{ source: a, format: Unix, location: America/Canada }',
      'location is "America/Canada"; allowed is a name of the IANA database, as Europe/Berlin',
    ],
    [
      '{ source: a, format: Unix, action_on_failure: foo }',
      'action_on_failure is "foo"; allowed is fudge, skip',
    ],
    [
      '{ source: a, format: Unix, fallback_formats: ANSIC }',
      'fallback_formats has to be a list, and is "ANSIC"',
    ],
    [
      `{ source: a, format: Unix, fallback_formats: [${'Unix,'.repeat(51)}] }`,
      'fallback_formats has 51 formats; allowed are 50',
    ],
  ];
  for (const [options, message] of rows) {
    assert.equal(configError(`- timestamp: ${options}`), `stage 1 (timestamp), line 1: ${message}`);
  }
  assert.deepEqual(warningsOf('- timestamp: { source: a, format: Unix, zone: UTC }'), [
    'stage 1 (timestamp), line 1: timestamp has no option zone (it knows source, format, fallback_formats, location, action_on_failure); it is ignored',
  ]);
});
