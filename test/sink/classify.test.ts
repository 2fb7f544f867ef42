import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Answer,
  classifyAnswer,
  parseRetryAfterMs,
  reasonLengthMax,
  retryAfterMsMax,
} from '../../src/sink/classify.ts';
import { classifyError, SendAborted } from '../../src/sink/classify-error.ts';
import { classifyGrpc, grpcAnswerBytesMax } from '../../src/sink/classify-grpc.ts';
import { SettingsError } from '../../src/sink/settings-error.ts';
import type { SendResult } from '../../src/sink/sink.ts';
import { TunnelError } from '../../src/sink/tunnel.ts';

const where = 'http://loki:3100';
const nowMs = Date.parse('Sun, 23 Nov 2025 02:00:00 GMT');
const plain = { retryAfter: undefined, isHtml: false };
const asIs = (text: string): string => text;

function answer(status: number, changes: Partial<Answer> = {}): SendResult {
  return classifyAnswer(where, { ...plain, status, text: 'body', ...changes }, nowMs);
}

/** What decides about the data: the kind, and for a retry its cause. */
function verdictOf(result: SendResult): string {
  return result.kind === 'retry' ? result.cause : result.kind;
}

function reasonOf(result: SendResult): string {
  return result.kind === 'delivered' ? '' : result.reason;
}

test('knows for each status whether the data must be kept, and who must act', () => {
  const rows: [number, string, RegExp][] = [
    [200, 'delivered', /^$/],
    [204, 'delivered', /^$/],
    [201, 'settings', /not how Loki answers/],
    [202, 'settings', /not how Loki answers/],
    [299, 'settings', /not how Loki answers/],
    [301, 'settings', /answered 301: redirects are not followed/],
    [307, 'settings', /answered 307: redirects are not followed/],
    [400, 'rejected', /answered 400: the endpoint refused entries/],
    [401, 'settings', /check user, password or token, and loki-tenant-id/],
    [402, 'settings', /answered 402: body/],
    [403, 'settings', /check user, password or token, and loki-tenant-id/],
    [404, 'settings', /check the path of loki-url/],
    [405, 'settings', /check the path of loki-url/],
    [407, 'settings', /password of the proxy/],
    [408, 'outage', /waited too long/],
    [413, 'too-large', /too large/],
    [415, 'settings', /answered 415: body/],
    [418, 'settings', /answered 418: body/],
    [422, 'rejected', /nothing to store/],
    [425, 'outage', /answered 425: body/],
    [429, 'limit', /limits the rate/],
    [500, 'outage', /answered 500: body/],
    [501, 'outage', /answered 501: body/],
    [503, 'outage', /answered 503: body/],
    [599, 'outage', /answered 599: body/],
    [999, 'outage', /answered 999: body/],
    [100, 'outage', /answered 100: body/],
  ];
  for (const [status, verdict, expected] of rows) {
    const result = answer(status);
    assert.equal(verdictOf(result), verdict, String(status));
    assert.match(reasonOf(result), expected);
    if (result.kind === 'delivered') continue;
    assert.match(result.reason, /^http:\/\/loki:3100 answered .*: body$/);
    assert.equal(result.status, status);
  }
});

test('a page for people is neither a delivery nor a refusal of the batch', () => {
  for (const status of [200, 400, 422]) {
    const result = answer(status, { isHtml: true });
    assert.equal(verdictOf(result), 'settings', String(status));
    assert.match(reasonOf(result), /not how Loki answers a push; check loki-url: body$/);
  }
  // These say the same in any clothes.
  assert.equal(verdictOf(answer(413, { isHtml: true })), 'too-large');
  assert.equal(verdictOf(answer(429, { isHtml: true })), 'limit');
  assert.equal(verdictOf(answer(502, { isHtml: true })), 'outage');
});

test('a server of TLS that is asked without it has refused no entry', () => {
  const texts = [
    'Client sent an HTTP request to an HTTPS server.',
    'The plain HTTP request was sent to HTTPS port',
  ];
  for (const text of texts) {
    const result = answer(400, { text });
    assert.equal(verdictOf(result), 'settings');
    assert.match(reasonOf(result), /the endpoint speaks TLS; is it https:\/\/\?/);
  }
});

test('a reason has an end', () => {
  assert.equal(reasonOf(answer(500, { text: 'x'.repeat(5000) })).length, reasonLengthMax);
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
  for (const status of [429, 503, 401]) {
    assert.partialDeepStrictEqual(answer(status, { retryAfter: '7' }), { afterMs: 7000 });
  }
});

test('every failure without an answer is a retry whose reason helps', () => {
  const withCode = (code: string, message = 'text') => Object.assign(new Error(message), { code });
  const garbage = Object.assign(new Error('Response does not match'), { name: 'HTTPParserError' });
  const rows: [unknown, 'outage' | 'settings', RegExp][] = [
    [withCode('ENOTFOUND'), 'outage', /ENOTFOUND, .*host's network namespace.*compose network/],
    [withCode('EAI_AGAIN'), 'outage', /host's network namespace/],
    [withCode('ECONNREFUSED'), 'outage', /ECONNREFUSED, nothing listens there/],
    [withCode('UND_ERR_SOCKET'), 'outage', /the connection was cut/],
    [withCode('EHOSTUNREACH'), 'outage', /no route to the host/],
    [withCode('ERR_SSL_UNEXPECTED_EOF_WHILE_READING'), 'outage', /the connection was cut/],
    [withCode('HPE_INVALID_CONSTANT'), 'settings', /the answer is not HTTP/],
    [garbage, 'settings', /the answer is not HTTP/],
    [withCode('CERT_HAS_EXPIRED'), 'settings', /the certificate has expired/],
    [withCode('DEPTH_ZERO_SELF_SIGNED_CERT'), 'settings', /set loki-tls-ca/],
    [withCode('ERR_TLS_CERT_ALTNAME_INVALID'), 'settings', /loki-tls-server-name/],
    [withCode('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED'), 'settings', /client certificate/],
    [withCode('ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE'), 'settings', /refuses the TLS handshake/],
    [withCode('ERR_SSL_TLSV1_ALERT_UNKNOWN_CA'), 'settings', /does not take the client/],
    [withCode('ERR_SSL_SOMETHING_NEW'), 'settings', /ERR_SSL_SOMETHING_NEW, text/],
    [withCode('CERT_REVOKED'), 'settings', /CERT_REVOKED, text/],
    [withCode('UND_ERR_INVALID_ARG'), 'settings', /text/],
    [withCode('EPROTO', 'ssl3_get_record:wrong version number'), 'settings', /not speak TLS/],
    [withCode('EWHATEVER'), 'outage', /EWHATEVER, text/],
    [new TypeError('failed', { cause: withCode('ECONNREFUSED') }), 'outage', /nothing listens/],
    [new SettingsError('the password cannot be read'), 'settings', /the password cannot be read$/],
    [new SendAborted('no answer within 5 ms'), 'outage', /no answer within 5 ms$/],
    [new TunnelError('the proxy answered 407', 407), 'settings', /password of the proxy/],
    [new TunnelError('the proxy answered 403', 403), 'settings', /answered 403/],
    [new TunnelError('the proxy answered 502', 502), 'outage', /answered 502/],
    [new TunnelError('the proxy closed the connection'), 'outage', /proxy closed/],
    [new Error('no code'), 'outage', /cannot push to http:\/\/loki:3100: no code/],
    ['thrown text', 'outage', /thrown text/],
    [undefined, 'outage', /undefined/],
  ];
  for (const [error, cause, expected] of rows) {
    const result = classifyError(where, error, asIs);
    assert.match(result.reason, expected);
    assert.equal(result.cause, cause, result.reason);
  }
});

test('leaves out what OpenSSL says for its own developers', () => {
  const text =
    '40C3AC0D897F0000:error:0A000410:SSL routines:ssl3_read_bytes:new alert:../x/rec.c:918:SSL alert 40';
  const error = Object.assign(new Error(text), { code: 'ERR_SSL_NEW_ALERT' });
  assert.match(
    classifyError(where, error, asIs).reason,
    /ERR_SSL_NEW_ALERT, new alert: SSL alert 40$/,
  );
});

test('takes the secrets out of what a library says', () => {
  const error = new Error('the header S3CRET is wrong');
  const result = classifyError(where, error, (text) => text.replaceAll('S3CRET', '***'));
  assert.match(result.reason, /the header \*\*\* is wrong$/);
});

function grpc(code: number, details = 'text', more: { pushbackMs?: string } = {}): SendResult {
  const rest = { retryAfter: undefined, pushbackMs: undefined, ...more };
  return classifyGrpc('grpc://loki:9095', { code, details, ...rest }, nowMs);
}

test('knows for each code of gRPC whether the data must be kept, and who must act', () => {
  const rows: [number, string, number | undefined, RegExp][] = [
    [0, 'delivered', undefined, /^$/],
    [1, 'outage', undefined, /answered CANCELLED: text/],
    [2, 'outage', 500, /answered UNKNOWN: text/],
    [3, 'rejected', 400, /refused entries/],
    [4, 'outage', 504, /no answer in time/],
    [5, 'settings', 404, /NOT_FOUND/],
    [6, 'settings', 409, /ALREADY_EXISTS/],
    [7, 'settings', 403, /check user, password or token/],
    [8, 'limit', 429, /limits the rate/],
    [9, 'settings', 400, /FAILED_PRECONDITION/],
    [10, 'outage', 409, /ABORTED/],
    [11, 'outage', 400, /OUT_OF_RANGE/],
    [12, 'settings', 501, /no logproto\.Pusher there/],
    [13, 'outage', 500, /INTERNAL/],
    [14, 'outage', 503, /UNAVAILABLE/],
    [15, 'outage', 500, /DATA_LOSS/],
    [16, 'settings', 401, /check user, password or token/],
    [17, 'outage', 17, /answered 17/],
    [200, 'settings', 200, /success has the code 0/],
    [204, 'settings', 204, /success has the code 0/],
    [400, 'rejected', 400, /answered 400: the endpoint refused entries/],
    [401, 'settings', 401, /answered 401/],
    [413, 'too-large', 413, /answered 413/],
    [422, 'rejected', 422, /answered 422/],
    [429, 'limit', 429, /answered 429/],
    [500, 'outage', 500, /answered 500/],
    [503, 'outage', 503, /answered 503/],
  ];
  for (const [code, verdict, status, expected] of rows) {
    const result = grpc(code);
    assert.equal(verdictOf(result), verdict, String(code));
    assert.match(reasonOf(result), expected);
    if (result.kind !== 'delivered') assert.equal(result.status, status, String(code));
  }
});

test('reads what is behind a code of gRPC from its text', () => {
  const rows: [number, string, string, RegExp][] = [
    [8, 'grpc: received message larger than max (5 vs. 4)', 'too-large', /loki-batch-size/],
    [2, 'Received HTTP status code 413', 'too-large', /loki-batch-size/],
    [8, `Received message larger than max (9 vs ${grpcAnswerBytesMax})`, 'outage', /too long/],
    [14, 'No connection: connect ECONNREFUSED 127.0.0.1:1', 'outage', /nothing listens there/],
    [14, 'Name resolution failed for target dns:x:9095', 'outage', /does not resolve/],
    [14, 'ssl/tls alert certificate required', 'settings', /asks for a client certificate/],
    [14, 'tlsv1 alert unknown ca', 'settings', /does not take the client certificate/],
    [13, 'Received RST_STREAM: Protocol error', 'settings', /does not speak gRPC/],
    [14, 'Connection dropped', 'outage', /the connection was cut/],
    [4, 'Deadline exceeded after 0.2s,LB pick', 'outage', /no answer in time/],
    // An outage behind a code that asks for a person is still for the person.
    [7, 'ECONNRESET', 'settings', /the connection was cut/],
  ];
  for (const [code, details, verdict, expected] of rows) {
    const result = grpc(code, details);
    assert.equal(verdictOf(result), verdict, details);
    assert.match(reasonOf(result), expected);
  }
});

test('says the same of the same failure at any time, and no status that nobody answered', () => {
  const result = grpc(14, 'Last error: gone (2026-11-23T09:06:34.173Z). Resolution note:');
  assert.match(reasonOf(result), /UNAVAILABLE: Last error: gone$/);
  for (const details of ['Connection dropped', 'connect ECONNREFUSED 127.0.0.1:1']) {
    assert.ok(!('status' in grpc(14, details)), details);
  }
});

test('obeys the pushback of gRPC, at most one hour, and no nonsense', () => {
  const rows: [string, number | undefined][] = [
    ['1500', 1500],
    ['999999999', retryAfterMsMax],
    ['-1', undefined],
    ['soon', undefined],
  ];
  for (const [pushbackMs, expected] of rows) {
    const result = grpc(14, 'text', { pushbackMs });
    assert.equal(result.kind === 'retry' ? result.afterMs : undefined, expected, pushbackMs);
  }
});
