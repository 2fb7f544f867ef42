import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lineOnHost, onHost } from '../../src/cli/host-files.ts';

test('paths of files are those of the host, and nothing else is changed', () => {
  const rows: [name: string, value: string, expected: string][] = [
    ['loki-pipeline-stage-file', '/files/a/b.yaml', '/srv/x/a/b.yaml'],
    ['loki-tls-ca-file.eu', ' /files/ca.pem ', '/srv/x/ca.pem'],
    ['LOKI_BEARER_TOKEN_FILE', '/files/token', '/srv/x/token'],
    ['loki-tls-ca-file', '/filesystem/ca.pem', '/filesystem/ca.pem'],
    ['loki-tls-ca-file', '/etc/ca.pem', '/etc/ca.pem'],
    ['multiline-pattern', '/files/', '/files/'],
    ['loki-password', '/files/secret', '/files/secret'],
    ['loki-header.X-Path', '/files/x', '/files/x'],
    ['no-such-option', '/files/x', '/files/x'],
  ];
  for (const [name, value, expected] of rows) {
    assert.equal(onHost(name, value, '/srv/x/'), expected, name);
    assert.equal(onHost(name, value, undefined), value, name);
    assert.equal(lineOnHost(`${name}=${value}`, '/srv/x'), `${name}=${expected}`);
  }
  assert.equal(lineOnHost('loki-tls-ca-file.a = /files/ca', '/x'), 'loki-tls-ca-file.a =/x/ca');
  for (const line of ['', '# a remark', '/files/x', '=/files/x']) {
    assert.equal(lineOnHost(line, '/x'), line);
  }
});
