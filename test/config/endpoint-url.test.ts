import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseEndpointUrl, splitUrls } from '../../src/config/endpoint-url.ts';

test('appends the push path only to a URL without one', () => {
  const rows: [string, string][] = [
    ['http://loki:3100', 'http://loki:3100/loki/api/v1/push'],
    ['http://loki:3100/', 'http://loki:3100/loki/api/v1/push'],
    ['https://loki', 'https://loki/loki/api/v1/push'],
    ['HTTP://Loki:80', 'http://loki/loki/api/v1/push'],
    ['http://loki:3100/loki/api/v1/push', 'http://loki:3100/loki/api/v1/push'],
    ['http://vl:9428/insert/loki/api/v1/push?x=1', 'http://vl:9428/insert/loki/api/v1/push?x=1'],
    ['http://loki?x=1', 'http://loki/loki/api/v1/push?x=1'],
    ['http://loki/push/', 'http://loki/push/'],
    ['http://[::1]:3100', 'http://[::1]:3100/loki/api/v1/push'],
  ];
  for (const [text, url] of rows) assert.deepEqual(parseEndpointUrl(text), { url });
});

test('splits percent-decoded credentials off', () => {
  const rows: [string, string, string][] = [
    ['me:pw@', 'me', 'pw'],
    ['me@', 'me', ''],
    [':pw@', '', 'pw'],
    ['a%40b:p%2Fw%25%23%3A@', 'a@b', 'p/w%#:'],
    ['me:p:w@', 'me', 'p:w'],
    ['ü:ö@', 'ü', 'ö'],
  ];
  for (const [userinfo, user, password] of rows) {
    assert.deepEqual(parseEndpointUrl(`http://${userinfo}loki`), {
      url: 'http://loki/loki/api/v1/push',
      basicAuth: { user, password },
    });
  }
});

test('refuses what is no push URL and never repeats the secret', () => {
  const rows: [string, RegExp][] = [
    ['loki:3100', /does not begin with http/],
    ['tcp://loki', /does not begin with http/],
    ['grpc://loki/push', /has a path or query/],
    ['grpc://loki?x=SECRET', /has a path or query/],
    ['grpc://', /is not a URL/],
    ['grpcs://loki:99999', /is not a URL/],
    ['grpc://me:12/SECRET@loki', /%40/],
    ['http://a,b:3100', /comma in its host/],
    ['/loki/api', /does not begin with http/],
    ['http://', /is not a URL/],
    ['http://me:SECRET/x@loki', /is not a URL/],
    ['http://loki:99999', /is not a URL/],
    ['http://me:SEC#RET@loki', /%23/],
    ['http://me:12/SECRET@loki', /%40/],
    ['http://me:12?SECRET@loki', /%40/],
    ['http://me:SECRET%zz@loki', /%25/],
    ['http://m%3Ae:SECRET@loki', /colon/],
  ];
  for (const [text, expected] of rows) {
    const parsed = parseEndpointUrl(text);
    const problem = 'problem' in parsed ? parsed.problem : `taken: ${parsed.url}`;
    assert.match(problem, expected);
    assert.doesNotMatch(problem, /SEC|RET/);
  }
});

test('completes a gRPC URL with its port, and takes credentials from it', () => {
  const rows: [string, string][] = [
    ['grpc://loki', 'grpc://loki:9095'],
    ['GRPCS://Loki/', 'grpcs://loki:9095'],
    ['grpc://loki:9095', 'grpc://loki:9095'],
    ['grpc://loki:80', 'grpc://loki:80'],
    ['grpc://loki:21', 'grpc://loki:21'],
    ['grpcs://loki:443', 'grpcs://loki:443'],
    ['grpc://[::1]', 'grpc://[::1]:9095'],
  ];
  for (const [text, url] of rows) assert.deepEqual(parseEndpointUrl(text), { url });
  assert.deepEqual(parseEndpointUrl('grpcs://me:p%40w@loki:443'), {
    url: 'grpcs://loki:443',
    basicAuth: { user: 'me', password: 'p@w' },
  });
});

test('splits a list of URLs only at a comma that stands before a scheme', () => {
  const rows: [string, string[]][] = [
    ['http://a', ['http://a']],
    ['http://a,http://b', ['http://a', 'http://b']],
    ['http://a , \tgrpc://b/, HTTPS://c', ['http://a', 'grpc://b/', 'HTTPS://c']],
    ['http://a,', ['http://a']],
    ['http://a,,http://b,', ['http://a', 'http://b']],
    ['http://me:p,w@a,http://b', ['http://me:p,w@a', 'http://b']],
    ['http://a/x,y', ['http://a/x,y']],
    ['http://a,b', ['http://a,b']],
    [',', ['']],
  ];
  for (const [text, urls] of rows) assert.deepEqual(splitUrls(text), urls);
});
