import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { redactUrl } from '../../src/config/redact.ts';

test('takes out userinfo, query values and fragments, of URLs and of what is none', () => {
  const rows: [string, string][] = [
    ['http://loki:3100/loki/api/v1/push', 'http://loki:3100/loki/api/v1/push'],
    ['http://me:secret@loki:3100/p', 'http://***@loki:3100/p'],
    ['http://me:sec@ret@loki/p', 'http://***@loki/p'],
    ['http://me:se/cr?e#t@loki/p', 'http://***@loki/p'],
    ['htp:/me:secret@loki', '***@loki'],
    ['me:secret@loki', '***@loki'],
    ['http://loki/p?token=secret&x=y', 'http://loki/p?token=***&x=***'],
    ['http://loki/p#secret', 'http://loki/p#***'],
    ['http://me:secret', 'http://me:***'],
    ['http://me:12secret/x', 'http://me:***'],
    ['http://me:123456', 'http://me:***'],
    ['me:secret', 'me:***'],
    ['http://a:1,http://me:secret', 'http://a:1,http://me:***'],
    ['http://x:y@a:1,http://me:secret', 'http://***@a:1,http://me:***'],
    ['http://a:1, grpc://[::1]:9095/', 'http://a:1, grpc://[::1]:9095/'],
    ['loki:3100', 'loki:3100'],
    ['http://me:/secret', 'http://me:***'],
    ['nonsense', 'nonsense'],
  ];
  for (const [text, expected] of rows) assert.equal(redactUrl(text), expected);
});

test('never shows a password, whatever it holds', () => {
  fc.assert(
    fc.property(fc.string(), (noise) => {
      const shown = redactUrl(`https://user:${noise}S3CRET${noise}@host/path`);
      assert.ok(!shown.includes('S3CRET'), shown);
    }),
  );
});
