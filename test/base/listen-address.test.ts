import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type ListenAddress,
  parseListenAddress,
  showListenAddress,
} from '../../src/base/listen-address.ts';

test('reads TCP and unix addresses and writes them as they were', () => {
  const rows: [string, ListenAddress][] = [
    ['127.0.0.1:9417', { kind: 'tcp', host: '127.0.0.1', port: 9417 }],
    ['localhost:0', { kind: 'tcp', host: 'localhost', port: 0 }],
    ['[::1]:65535', { kind: 'tcp', host: '::1', port: 65_535 }],
    ['unix:/run/m.sock', { kind: 'unix', path: '/run/m.sock' }],
  ];
  for (const [text, address] of rows) {
    assert.deepEqual(parseListenAddress(text), address);
    assert.equal(showListenAddress(address), text);
  }
});

test('takes nothing that is not wholly an address', () => {
  for (const text of [
    ...['', ':9417', '9417', 'localhost', '127.0.0.1:65536', '127.0.0.1:-1', '127.0.0.1:http'],
    ...['::1:9417', '[::1]', 'http://127.0.0.1:9417', '127.0.0.1:9417/metrics', 'a b:1'],
    ...['unix:', 'unix:m.sock', 'unix:/', 'unix:/run/', 'unix:/a\0b', `unix:/${'x'.repeat(107)}`],
  ]) {
    assert.equal(parseListenAddress(text), undefined, text);
  }
  assert.ok(parseListenAddress(`unix:/${'x'.repeat(106)}`));
});
