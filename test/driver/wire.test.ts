import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DriverError } from '../../src/base/errors.ts';
import { parseReadLogs } from '../../src/driver/wire.ts';

const containerId = 'a'.repeat(64);
/** As dockerd sends it for `docker logs` without any flag. */
const plain = {
  Since: '0001-01-01T00:00:00Z',
  Until: '0001-01-01T00:00:00Z',
  Tail: -1,
  Follow: false,
};

function parsed(config: object): object {
  return parseReadLogs({ Info: { ContainerID: containerId }, Config: { ...plain, ...config } });
}

test('without a flag all that there is is wanted', () => {
  assert.deepEqual(parsed({}), { containerId, follow: false });
  const info = { ContainerID: containerId, Config: { 'max-size': '1m' }, ContainerEnv: ['A=b'] };
  assert.deepEqual(parseReadLogs({ Info: info, Config: {} }), { containerId, follow: false });
});

test('null, which Go writes for what is not set, is as if it were not there', () => {
  const config = { Since: null, Until: null, Tail: null, Follow: null };
  assert.deepEqual(parsed(config), { containerId, follow: false });
});

test('bounds are exact to the nanosecond; times up to 1970 are none', () => {
  const since = { Since: '2023-11-14T22:13:20.123456789Z' };
  assert.deepEqual(parsed(since), {
    ...{ containerId, follow: false },
    sinceNs: 1_700_000_000_123_456_789n,
  });
  const until = { Until: '2023-11-15T00:13:20.000000001+02:00' };
  assert.deepEqual(parsed(until), {
    ...{ containerId, follow: false },
    untilNs: 1_700_000_000_000_000_001n,
  });
  for (const Since of ['1970-01-01T00:00:00Z', '1969-12-31T23:59:59.999999999Z']) {
    assert.deepEqual(parsed({ Since, Until: Since }), { containerId, follow: false });
  }
});

test('a tail of 0 is a bound, one below 0 is none', () => {
  assert.deepEqual(parsed({ Tail: 0 }), { containerId, follow: false, tail: 0 });
  assert.deepEqual(parsed({ Tail: 10, Follow: true }), { containerId, follow: true, tail: 10 });
  for (const Tail of [-1, -2, -(2 ** 31)]) {
    assert.deepEqual(parsed({ Tail }), { containerId, follow: false });
  }
});

test('what cannot be meant is refused with its name and without its content', () => {
  const bad: [object, RegExp][] = [
    [{ Since: 'yesterday' }, /^ReadLogs: Config\.Since: must be a date such as 2026-01-02T/],
    [{ Until: '2026-02-30T00:00:00Z' }, /^ReadLogs: Config\.Until: must be a date such as /],
    [{ Since: 5 }, /^ReadLogs: Config\.Since: /],
    [{ Tail: 1.5 }, /^ReadLogs: Config\.Tail: /],
    [{ Tail: '10' }, /^ReadLogs: Config\.Tail: /],
    [{ Tail: 2 ** 60 }, /^ReadLogs: Config\.Tail: /],
    [{ Follow: 'yes' }, /^ReadLogs: Config\.Follow: /],
    [{ Since: 'x', Tail: 'y' }, /^ReadLogs: Config\.Since: .*; Config\.Tail: /],
  ];
  const isRefusal = (text: RegExp) => (error: unknown) =>
    error instanceof DriverError && error.code === 'invalid_request' && text.test(error.message);
  for (const [config, text] of bad) assert.throws(() => parsed(config), isRefusal(text));
  const ids = ['', 'a'.repeat(63), `${'a'.repeat(63)}/`, `../${'a'.repeat(61)}`, undefined, 7];
  for (const ContainerID of ids) {
    const body = { Info: { ContainerID }, Config: plain };
    assert.throws(() => parseReadLogs(body), isRefusal(/^ReadLogs: Info\.ContainerID: /));
  }
  for (const body of [undefined, null, [], 'text', { Info: null, Config: null }]) {
    assert.throws(() => parseReadLogs(body), isRefusal(/^ReadLogs: /));
  }
});
