import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  classifyAnswer,
  classifyError,
  parseRetryAfterMs,
  retryAfterMsMax,
} from '../../src/sink/classify.ts';

const where = 'http://loki:3100';
const nowMs = Date.parse('Sun, 23 Nov 2025 02:00:00 GMT');

test('knows for each status whether the data must be kept', () => {
  const rows: [number, 'delivered' | 'retry' | 'rejected', RegExp][] = [
    [200, 'delivered', /^$/],
    [204, 'delivered', /^$/],
    [299, 'delivered', /^$/],
    [301, 'retry', /answered 301: redirects are not followed/],
    [400, 'rejected', /answered 400: the endpoint refused entries/],
    [401, 'retry', /check user, password and loki-tenant-id/],
    [403, 'retry', /check user, password and loki-tenant-id/],
    [404, 'retry', /check the path of loki-url/],
    [405, 'retry', /check the path of loki-url/],
    [407, 'retry', /answered 407: body/],
    [408, 'retry', /waited too long/],
    [413, 'rejected', /too large/],
    [418, 'retry', /answered 418: body/],
    [422, 'rejected', /nothing to store/],
    [429, 'retry', /limits the rate/],
    [500, 'retry', /answered 500: body/],
    [503, 'retry', /answered 503: body/],
    [599, 'retry', /answered 599: body/],
    [999, 'retry', /answered 999: body/],
  ];
  for (const [status, kind, expected] of rows) {
    const result = classifyAnswer(where, { status, retryAfter: undefined, text: 'body' }, nowMs);
    assert.equal(result.kind, kind, String(status));
    if (result.kind === 'delivered') continue;
    assert.match(result.reason, expected);
    assert.match(result.reason, /^http:\/\/loki:3100 answered .*: body$/);
    assert.equal(result.status, status);
  }
});

test('reads Retry-After as seconds or a date, at most one hour, and nothing else', () => {
  const rows: [string | undefined, number | undefined][] = [
    ['0', 0],
    ['7', 7000],
    [' 7 ', 7000],
    ['99999', retryAfterMsMax],
    ['9'.repeat(400), retryAfterMsMax],
    ['Sun, 23 Nov 2025 02:00:30 GMT', 30_000],
    ['Sun, 23 Nov 2025 01:00:00 GMT', 0],
    ['Sun, 23 Nov 2035 01:00:00 GMT', retryAfterMsMax],
    ['Sunday, 23-Nov-25 02:00:30 GMT', 30_000],
    ['Sun, nonsense', undefined],
    ['-5', undefined],
    ['1.5', undefined],
    ['2026', 2_026_000],
    ['soon', undefined],
    ['', undefined],
    [undefined, undefined],
  ];
  for (const [value, expected] of rows) {
    assert.equal(parseRetryAfterMs(value, nowMs), expected, String(value));
  }
  const answer = { status: 429, retryAfter: '7', text: '' };
  assert.partialDeepStrictEqual(classifyAnswer(where, answer, nowMs), { afterMs: 7000 });
});

test('every failure without an answer is a retry whose reason helps', () => {
  const withCode = (code: string) => Object.assign(new Error('text'), { code });
  const rows: [unknown, RegExp][] = [
    [withCode('ENOTFOUND'), /ENOTFOUND, .*host's network namespace.*compose network/],
    [withCode('EAI_AGAIN'), /host's network namespace/],
    [withCode('ECONNREFUSED'), /ECONNREFUSED, nothing listens there/],
    [withCode('UND_ERR_SOCKET'), /the connection was cut/],
    [withCode('HPE_INVALID_CONSTANT'), /the answer is not HTTP/],
    [withCode('CERT_HAS_EXPIRED'), /the certificate has expired/],
    [withCode('EWHATEVER'), /EWHATEVER, text/],
    [new TypeError('failed', { cause: withCode('ECONNREFUSED') }), /nothing listens there/],
    [new Error('no code'), /cannot push to http:\/\/loki:3100: no code/],
    ['thrown text', /thrown text/],
    [undefined, /undefined/],
  ];
  for (const [error, expected] of rows) {
    const result = classifyError(where, error);
    assert.equal(result.kind, 'retry');
    if (result.kind === 'retry') assert.match(result.reason, expected);
  }
});
