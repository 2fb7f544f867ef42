import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { nanosOf, parseDateNs } from '../../src/base/date-text.ts';

test('a date is exact to the nanosecond', () => {
  const cases: [string, bigint][] = [
    ['1970-01-01T00:00:00Z', 0n],
    ['1970-01-01T00:00:00.000000001Z', 1n],
    ['2023-11-14T22:13:20.123456789Z', 1_700_000_000_123_456_789n],
    ['2023-11-14T22:13:20.1Z', 1_700_000_000_100_000_000n],
    ['2023-11-14t22:13:20z', 1_700_000_000_000_000_000n],
    ['2023-11-15T00:43:20.5+02:30', 1_700_000_000_500_000_000n],
    ['2023-11-14T17:13:20.5-05:00', 1_700_000_000_500_000_000n],
    ['2023-11-14T22:13Z', 1_699_999_980_000_000_000n],
    ['2024-02-29Z', 1_709_164_800_000_000_000n],
    ['2262-04-11T23:47:16.854775807Z', (1n << 63n) - 1n],
  ];
  for (const [text, timeNs] of cases) assert.equal(parseDateNs(text), timeNs, text);
});

test('before 1970 the fraction counts forwards, too', () => {
  assert.equal(parseDateNs('1969-12-31T23:59:59.75Z'), -250_000_000n);
  assert.equal(parseDateNs('0001-01-01T00:00:00Z'), -62_135_596_800_000_000_000n);
});

test('without a zone a date is one of this machine', () => {
  const localMs = (...parts: [number, number, number, number, number, number]): bigint =>
    BigInt(new Date(...parts).getTime()) * 1_000_000n;
  assert.equal(parseDateNs('2026-03-04'), localMs(2026, 2, 4, 0, 0, 0));
  assert.equal(parseDateNs('2026-03-04T05:06'), localMs(2026, 2, 4, 5, 6, 0));
  assert.equal(parseDateNs('2026-03-04T05:06:07.000000008'), localMs(2026, 2, 4, 5, 6, 7) + 8n);
});

test('what is no date is none', () => {
  const bad = [
    ...['', ' ', 'now', '10m', '1700000000', '2026', '2026-01', '2026-1-2', '2026-01-02T'],
    ...['2026-01-02T03', '2026-01-02T03:04:05.', '2026-01-02T03:04:05.1234567890Z'],
    ...['2026-01-02T03:04:05Zx', ' 2026-01-02Z', '2026-01-02Z\n', '2026-01-02T25:00:00Z'],
    ...['2026-01-02T03:60:00Z', '2026-01-02T03:04:61Z', '2026-01-02T03:04:05+0100'],
    ...['2026-13-01Z', '2026-00-01Z', '2026-01-00Z', '2026-01-32Z', '2026-02-29Z', '2026-04-31Z'],
    ...['2026-02-30T01:00:00+05:00', '+02026-01-02Z', '\u0662026-01-02Z'],
  ];
  for (const text of bad) assert.equal(parseDateNs(text), undefined, JSON.stringify(text));
});

test('every time that a line can have comes back from its date', () => {
  const anyTime = fc.bigInt({ min: 0n, max: (1n << 63n) - 1n });
  fc.assert(
    fc.property(anyTime, (timeNs) => {
      const iso = new Date(Number(timeNs / 1_000_000_000n) * 1000).toISOString().slice(0, 19);
      const nanos = String(timeNs % 1_000_000_000n).padStart(9, '0');
      assert.equal(parseDateNs(`${iso}.${nanos}Z`), timeNs);
      // dockerd leaves zeros at the end out.
      const short = nanos.replace(/0+$/, '');
      assert.equal(parseDateNs(`${iso}${short === '' ? '' : `.${short}`}Z`), timeNs);
    }),
  );
});

test('any text is answered, and a long one in no time', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom(...Array.from('0123456789-T:.Z+ ')) }),
      (text) => {
        const timeNs = parseDateNs(text);
        assert.ok(timeNs === undefined || typeof timeNs === 'bigint');
      },
    ),
    { numRuns: 2000 },
  );
  assert.equal(parseDateNs(`2026-01-02T03:04:05.${'1'.repeat(1_000_000)}`), undefined);
});

test('digits behind a point are nanoseconds, more of them are cut off', () => {
  assert.equal(nanosOf(undefined), 0n);
  assert.equal(nanosOf('5'), 500_000_000n);
  assert.equal(nanosOf('000000001'), 1n);
  assert.equal(nanosOf('1234567899'), 123_456_789n);
});
