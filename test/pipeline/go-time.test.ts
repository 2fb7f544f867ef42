import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { formatGoTime, parseGoTime } from '../../src/pipeline/go-time.ts';
import { TimeZone } from '../../src/pipeline/time-zone.ts';

const unixDate = 'Mon Jan _2 15:04:05 MST 2006';
const rfc3339Nano = '2006-01-02T15:04:05.999999999Z07:00';

/** Seconds and nanoseconds of an ISO time. */
function at(iso: string, nanos = 0): { seconds: number; nanos: number } {
  return { seconds: Date.parse(iso) / 1000, nanos };
}

test("formats as the example of Go's Time.Format does", () => {
  // Wed Feb 25 11:06:39 PST 2015, which is the time of that example.
  const seconds = Date.parse('2015-02-25T11:06:39-08:00') / 1000;
  const rows: [layout: string, expected: string][] = [
    ['3PM', '11AM'],
    ['Mon Jan 2 15:04:05 MST 2006', 'Wed Feb 25 11:06:39 PST 2015'],
    [unixDate, 'Wed Feb 25 11:06:39 PST 2015'],
    ['<2>', '<25>'],
    ['2006-01-02T15:04:05.999999999Z07:00', '2015-02-25T11:06:39.1234-08:00'],
    ['Monday, 02-Jan-06 15:04:05 MST', 'Wednesday, 25-Feb-15 11:06:39 PST'],
    ['Mon, 02 Jan 2006 15:04:05 -0700', 'Wed, 25 Feb 2015 11:06:39 -0800'],
    ['2006-01-02 15:04:05.00000', '2015-02-25 11:06:39.12340'],
    ['2006-01-02 15:04:05.99999', '2015-02-25 11:06:39.1234'],
    ['15:04:05,000 .9 .000000000000', '11:06:39,123 .1 .123400000'],
    ["01/02 03:04:05PM '06 -0700", "02/25 11:06:39AM '15 -0800"],
    ['1.2.06 3:4:5 pm', '2.25.15 11:6:39 am'],
    ['January Jan Janet Month Monday', 'February Feb Janet Month Wednesday'],
    ['002 __2 _2 _2006', '056  56 25 _2015'],
    ['-07 -070000 -07:00:00 Z0700 Z07', '-08 -080000 -08:00:00 -0800 -08'],
    ['.05 .0x .1', '.39 .1x .2'],
    ['', ''],
  ];
  for (const [layout, expected] of rows) {
    assert.equal(
      formatGoTime(layout, seconds, 123_400_000, 'America/Los_Angeles'),
      expected,
      layout,
    );
  }
  const march7 = Date.parse('2015-03-07T11:06:39-08:00') / 1000;
  assert.equal(formatGoTime('<_2> <02>', march7, 0, 'America/Los_Angeles'), '< 7> <07>');
  assert.equal(formatGoTime(rfc3339Nano, 0, 0), '1970-01-01T00:00:00Z');
  assert.equal(formatGoTime('MST -0700 3:04PM', 0, 0), 'UTC +0000 12:00AM');
  assert.equal(formatGoTime('15:04:05.999', 0, 0), '00:00:00');
});

test("parses as the examples of Go's time.Parse and ParseInLocation do", () => {
  const rows: [layout: string, text: string, zone: string | undefined, expected: unknown][] = [
    ['2006-Jan-02', '2013-Feb-03', undefined, at('2013-02-03T00:00:00Z')],
    [
      'Jan 2, 2006 at 3:04pm (MST)',
      'Feb 3, 2013 at 7:54pm (PST)',
      undefined,
      at('2013-02-03T19:54:00Z'),
    ],
    ['2006-01-02T15:04:05Z07:00', '2006-01-02T15:04:05Z', undefined, at('2006-01-02T15:04:05Z')],
    [
      '2006-01-02T15:04:05Z07:00',
      '2006-01-02T15:04:05+07:00',
      undefined,
      at('2006-01-02T15:04:05+07:00'),
    ],
    ['2006-01-02T15:04:05Z07:00', '2006-01-02T15:04:05Z07:00', undefined, undefined],
    [
      'Jan 2, 2006 at 3:04pm (MST)',
      'Jul 9, 2012 at 5:02am (CEST)',
      'Europe/Berlin',
      at('2012-07-09T05:02:00+02:00'),
    ],
    ['2006-Jan-02', '2012-Jul-09', 'Europe/Berlin', at('2012-07-09T00:00:00+02:00')],
    // The tests of package time have these.
    [
      'Mon Jan _2 15:04:05.000 2006',
      'Thu Feb  4 21:00:57.012 2010',
      undefined,
      at('2010-02-04T21:00:57Z', 12e6),
    ],
    [
      'Mon Jan _2 15:04:05 2006',
      'Thu Feb  4 21:00:57.012345678 2010',
      undefined,
      at('2010-02-04T21:00:57Z', 12_345_678),
    ],
    ['Mon Jan _2 15:04:05 2006', 'Thu Feb 4 21:00:57 2010', undefined, at('2010-02-04T21:00:57Z')],
    ['Mon Jan _2 15:04:05 2006', 'THU feb 4 21:00:57 2010', undefined, at('2010-02-04T21:00:57Z')],
    ['Mon Jan _2 15:04:05 2006', 'Mon Feb  4 21:00:57 2010', undefined, at('2010-02-04T21:00:57Z')],
    [unixDate, 'Thu Feb 4 21:00:57 PST 2010', undefined, at('2010-02-04T21:00:57Z')],
    [
      unixDate,
      'Thu Feb 4 21:00:57 PST 2010',
      'America/Los_Angeles',
      at('2010-02-04T21:00:57-08:00'),
    ],
    [unixDate, 'Fri Feb 6 08:00:57 GMT+3 2010', undefined, at('2010-02-06T05:00:57Z')],
    [
      '2006-01-02 15:04:05.0000 -0700 MST',
      '2010-02-04 21:00:57.0123 -0800 PST',
      undefined,
      at('2010-02-04T21:00:57-08:00', 12_300_000),
    ],
    [
      '2006-01-02 15:04:05,999',
      '2010-02-04 21:00:57.123456',
      undefined,
      at('2010-02-04T21:00:57Z', 123_456_000),
    ],
    ['2006-002 15:04:05', '2010-035 21:00:57', undefined, at('2010-02-04T21:00:57Z')],
    ['2006-__2', '2008- 60', undefined, at('2008-02-29T00:00:00Z')],
    ['2006-01-02 002', '2010-02-04 036', undefined, undefined],
    ['06-1-2', '69-1-2', undefined, at('1969-01-02T00:00:00Z')],
    ['06-1-2', '68-1-2', undefined, at('2068-01-02T00:00:00Z')],
    ['3:04PM 2006', '12:15AM 2010', undefined, at('2010-01-01T00:15:00Z')],
    ['3:04PM 2006', '12:15PM 2010', undefined, at('2010-01-01T12:15:00Z')],
    ['3:04PM 2006', '1:15pm 2010', undefined, undefined],
    ['2006-01-02 -07', '2010-02-04 +02', undefined, at('2010-02-04T00:00:00+02:00')],
    ['2006-01-02 Z070000', '2010-02-04 -020030', undefined, { seconds: 1_265_248_830, nanos: 0 }],
    ['2006-01-02 -07:00', '2010-02-04 Z', undefined, undefined],
    ['2006-01-02 -07:00', '2010-02-04 +25:00', undefined, undefined],
    ['2006-01-02', '2010-02-29', undefined, undefined],
    ['2006-01-02', '2010-13-01', undefined, undefined],
    ['2006-01-02', '2010-00-01', undefined, undefined],
    ['2006-01-02', '2010-2-04', undefined, undefined],
    ['2006-01-02', '2010-02-04x', undefined, undefined],
    ['15:04:05', '23:60:00', undefined, undefined],
    ['15:04:05', '23:59:60', undefined, undefined],
    ['.00', '.1', undefined, undefined],
    ['2006 MST', '2010 abc', undefined, undefined],
    ['2006 MST', '2010 ABCDEF', undefined, undefined],
    ['2006 MST', '2010 UTC', 'Europe/Berlin', at('2010-01-01T00:00:00Z')],
    ['2006', '2010', 'No/Where', undefined],
  ];
  for (const [layout, text, zone, expected] of rows) {
    assert.deepEqual(parseGoTime(layout, text, zone), expected, `${layout} | ${text}`);
  }
});

/** Zones with clocks that change by an hour, by half of one, by a day, and not at all. */
const zones = [
  'UTC',
  'Europe/Berlin',
  'America/St_Johns',
  'Australia/Lord_Howe',
  'Pacific/Apia',
  'Asia/Kolkata',
];

test('parses what it has formatted', () => {
  const layouts: [layout: string, unitNanos: number][] = [
    [rfc3339Nano, 1],
    ['2006-01-02T15:04:05.000000000-0700', 1],
    ['Mon, 02 Jan 2006 15:04:05 -0700', 1e9],
    ['Monday, January 2 2006 3:04:05.000 PM Z07:00', 1e6],
    ['02/Jan/2006:15:04:05,000000 -07:00:00', 1e3],
    ['2006 __2 3:4:5pm -0700', 1e9],
  ];
  const seconds = fc.oneof(
    fc.integer({ min: -30_000_000_000, max: 250_000_000_000 }),
    fc.integer({ min: 1_500_000_000, max: 1_900_000_000 }),
  );
  fc.assert(
    fc.property(
      fc.constantFrom(...layouts),
      fc.constantFrom(...zones),
      seconds,
      fc.integer({ min: 0, max: 999_999_999 }),
      ([layout, unit], zone, seconds, anyNanos) => {
        // Long ago offsets had seconds, which these layouts leave out.
        if ((TimeZone.of(zone)?.offsetAt(seconds) ?? 0) % 60 !== 0) return;
        const nanos = unit === 1e9 ? 0 : anyNanos - (anyNanos % unit);
        const text = formatGoTime(layout, seconds, nanos, zone);
        assert.deepEqual(parseGoTime(layout, text, zone), { seconds, nanos }, text);
      },
    ),
    { numRuns: 2000 },
  );
});

test('parses what it has formatted without an offset, where clocks show a time once', () => {
  const layout = '2006-01-02 15:04:05';
  // The days around the changes of 2024 in all these zones, and of Apia's lost day.
  const changes = [
    '2024-03-10',
    '2024-03-31',
    '2024-04-06',
    '2024-10-05',
    '2024-10-27',
    '2024-11-03',
    '2011-12-30',
  ];
  const near = fc.tuple(fc.constantFrom(...changes), fc.integer({ min: -172_800, max: 172_800 }));
  fc.assert(
    fc.property(fc.constantFrom(...zones), near, (zone, [day, seconds]) => {
      const unix = Date.parse(`${day}T00:00:00Z`) / 1000 + seconds;
      const text = formatGoTime(layout, unix, 0, zone);
      const parsed = parseGoTime(layout, text, zone);
      assert.ok(parsed !== undefined);
      // Twice shown: either time will do.
      assert.equal(formatGoTime(layout, parsed.seconds, 0, zone), text);
      assert.ok(Math.abs(parsed.seconds - unix) <= 3600);
    }),
    { numRuns: 2000 },
  );
});

test('never throws, and is never wrong by a part that it did not read', () => {
  const pieces = fc.constantFrom(
    ...[
      '2006',
      '01',
      '02',
      'Jan',
      '_2',
      '15',
      '04',
      '05',
      '.000',
      '.999',
      'PM',
      'MST',
      'Z07:00',
      '-0700',
      ' ',
      ':',
      '\0',
      '\ufffd',
      '99',
      'é',
    ],
  );
  const text = fc.array(pieces, { maxLength: 8 }).map((parts) => parts.join(''));
  fc.assert(
    fc.property(text, text, fc.constantFrom(undefined, ...zones), (layout, value, zone) => {
      const parsed = parseGoTime(layout, value, zone);
      if (parsed === undefined) return;
      assert.ok(Number.isSafeInteger(parsed.seconds));
      assert.ok(Number.isSafeInteger(parsed.nanos) && parsed.nanos >= 0 && parsed.nanos < 1e9);
      assert.equal(typeof formatGoTime(layout, parsed.seconds, parsed.nanos, zone), 'string');
    }),
  );
});

test('knows offsets and names of zones', () => {
  const rows: [zone: string, iso: string, offset: number, name: string][] = [
    ['Europe/Berlin', '2024-03-31T00:59:59Z', 3600, 'CET'],
    ['Europe/Berlin', '2024-03-31T01:00:00Z', 7200, 'CEST'],
    ['Europe/London', '2024-07-01T00:00:00Z', 3600, 'BST'],
    ['Asia/Kolkata', '2024-07-01T00:00:00Z', 19_800, 'IST'],
    ['Asia/Tokyo', '2024-07-01T00:00:00Z', 32_400, 'JST'],
    ['America/Sao_Paulo', '2024-07-01T00:00:00Z', -10_800, '-03'],
    ['Asia/Kathmandu', '2024-07-01T00:00:00Z', 20_700, '+0545'],
    ['Europe/Berlin', '1880-01-01T00:00:00Z', 3208, 'LMT'],
    ['Pacific/Apia', '2011-12-30T09:59:59Z', -36_000, '-10'],
    ['Pacific/Apia', '2011-12-30T10:00:00Z', 50_400, '+14'],
  ];
  for (const [name, iso, offset, short] of rows) {
    const zone = TimeZone.of(name);
    const seconds = Date.parse(iso) / 1000;
    assert.deepEqual([zone?.offsetAt(seconds), zone?.nameAt(seconds)], [offset, short], name);
  }
  assert.equal(TimeZone.of('Mars/Olympus'), undefined);
  assert.equal(TimeZone.of('')?.name, 'UTC');
  assert.equal(TimeZone.of('Local')?.nameAt(0), 'UTC');
});
