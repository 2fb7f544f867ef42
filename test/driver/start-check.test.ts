/** What is told before a container starts, and what of its environment is kept. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import { after, before, test } from 'node:test';
import { DriverError } from '../../src/base/errors.ts';
import { checkStart } from '../../src/driver/start-check.ts';
import { parseStartLogging } from '../../src/driver/wire.ts';

type Pairs = Record<string, string>;

const containerId = 'ab'.repeat(32);
const url = { 'loki-url': 'http://loki:3100' };

let directory = '';
before(() => {
  directory = fs.mkdtempSync(`${os.tmpdir()}/holdfast-start-`);
});
after(() => fs.rmSync(directory, { recursive: true, force: true }));

/** As dockerd sends it. */
function requestOf(logOpts: Pairs, info: object = {}) {
  return parseStartLogging({
    File: '/run/docker/logging/f',
    Info: {
      Config: logOpts,
      ContainerID: containerId,
      ContainerName: '/web',
      ContainerEntrypoint: '/bin/app',
      ContainerArgs: ['-v', 'x'],
      ContainerImageID: 'sha256:1',
      ContainerImageName: 'app:1',
      ContainerCreated: '2026-01-02T03:04:05.5Z',
      ContainerEnv: ['A=1', 'B=2', 'PASSWORD=S3CRET'],
      ContainerLabels: { app: 'web' },
      LogPath: '',
      DaemonName: 'docker',
      ...info,
    },
  });
}

function start(logOpts: Pairs, env: Pairs = {}, info: object = {}) {
  return checkStart(requestOf(logOpts, info), { env, host: 'h', walDir: '/wal' });
}

function errorOf(logOpts: Pairs, env: Pairs = {}, info: object = {}): string {
  try {
    start(logOpts, env, info);
  } catch (error) {
    assert.ok(error instanceof DriverError);
    assert.ok(['invalid_option', 'file_unreadable'].includes(error.code), error.code);
    return error.message;
  }
  return assert.fail('nothing was refused');
}

function file(name: string, text: string | Buffer): string {
  fs.writeFileSync(`${directory}/${name}`, text);
  return `${directory}/${name}`;
}

test('keeps command and arguments, and of the environment only what options select', () => {
  const { identity, warnings } = start({ ...url, env: 'A,C' });
  assert.deepEqual(identity, {
    ...{ containerId, containerName: 'web', imageId: 'sha256:1', imageName: 'app:1' },
    createdAt: '2026-01-02T03:04:05.5Z',
    labels: { app: 'web' },
    entrypoint: '/bin/app',
    args: ['-v', 'x'],
    logOpts: { ...url, env: 'A,C' },
    env: ['A=1'],
  });
  assert.deepEqual(warnings, []);
  assert.doesNotMatch(JSON.stringify(start(url).identity), /S3CRET|"env"/);
  assert.deepEqual(start(url, { ENV_REGEX: '^B' }).identity.env, ['B=2']);
  assert.deepEqual(start({ ...url, env: 'A' }, { ENV: 'B' }).identity.env, ['A=1']);
});

test('takes null for every list and map, as Go writes it', () => {
  const none = { ContainerArgs: null, ContainerEnv: null, ContainerLabels: null };
  const { identity } = start(url, {}, { ...none, LogPath: null, ContainerEntrypoint: null });
  assert.deepEqual([identity.args, identity.labels, identity.entrypoint], [[], {}, '']);
  assert.ok(!('logPath' in identity || 'env' in identity));
  assert.equal(start(url, {}, { LogPath: '/log' }).identity.logPath, '/log');
});

test('what is kept of a container is bounded', () => {
  const info = {
    ContainerEntrypoint: 'x'.repeat(100_000),
    ContainerArgs: Array.from({ length: 100 }, () => 'x'.repeat(1000)),
    ContainerEnv: Array.from({ length: 10 }, (_, n) => `V${n}=${'x'.repeat(10_000)}`),
    LogPath: `/${'x'.repeat(10_000)}`,
  };
  const { identity, warnings } = start({ ...url, 'env-regex': '^V' }, {}, info);
  assert.ok(JSON.stringify(identity).length < 150_000);
  assert.equal(identity.args?.length, 32);
  assert.match(warnings.join(), /^variables that env or env-regex select are too large .*: V6, V7/);
});

test('warnings of labels are told once, though several endpoints have them', () => {
  const labels = { 'a.b': '1', 'a-b': '2' };
  const logOpts = { ...url, 'loki-url.eu': 'http://eu', labels: 'a.b,a-b' };
  const { warnings } = start(logOpts, {}, { ContainerLabels: labels });
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] ?? '', /^the label a_b comes from /);
});

test('a container that is relabelled away starts, and its loss is told', () => {
  const drop = '[{source_labels: [container_name], regex: web, action: drop}]';
  assert.deepEqual(start({ ...url, 'loki-relabel-config': drop }).warnings, [
    'loki-relabel-config drops this container: its lines are not shipped',
  ]);
});

test('reads stages from a file, as a list or under pipeline_stages', () => {
  const list = file('list.yaml', '- labels:\n    level:\n');
  const map = file('map.yaml', '# stages\npipeline_stages:\n  - labels:\n      level:\n');
  for (const path of [list, map]) {
    assert.deepEqual(start({ ...url, 'loki-pipeline-stage-file': path }).warnings, []);
  }
});

test('a file that cannot be read or is wrong stops the container, and what to do is told', () => {
  const rows: [string, RegExp][] = [
    [
      `${directory}/none.yaml`,
      /none.yaml" cannot be read \(there is none\); it is a path inside the plugin: put the file into the directory of the host that the plugin setting files.source names, and write \/files\/NAME$/,
    ],
    [directory, /cannot be read \(it is no file\)/],
    [file('large', Buffer.alloc(262_145, ' ')), /it has 262145 bytes; allowed are 262144/],
    [file('text', 'text'), /is wrong: line 1: the list of stages has to be a list, and is "text"$/],
    [file('empty', 'pipeline_stages:\nother: 1\n'), /line 2: the file has "other"; allowed is/],
    [
      file('deep', 'pipeline_stages:\n  - labels:\n      a:\n  - lables:\n      a:\n'),
      /is wrong: stage 2, line 4: there is no stage "lables" \(did you mean labels\?\)$/,
    ],
    [file('yaml', 'a: ['), /is wrong: line \d: this is not YAML/],
  ];
  for (const [path, expected] of rows) {
    const message = errorOf({ ...url, 'loki-pipeline-stage-file': path });
    assert.ok(message.startsWith(`loki-pipeline-stage-file: the file "${path}" `), message);
    assert.match(message, expected);
    const ofOne = errorOf({ 'loki-url.eu': 'http://eu', 'loki-pipeline-stage-file.eu': path });
    assert.ok(ofOne.startsWith('loki-pipeline-stage-file.eu: '), ofOne);
    assert.match(errorOf(url, { LOKI_PIPELINE_STAGE_FILE: path }), /^LOKI_PIPELINE_STAGE_FILE \(/);
  }
});

test('a FIFO in the place of the file is not waited for', async () => {
  const { execFileSync } = await import('node:child_process');
  execFileSync('mkfifo', [`${directory}/fifo`]);
  const message = errorOf({ ...url, 'loki-pipeline-stage-file': `${directory}/fifo` });
  assert.match(message, /it is no file/);
});

test('a template that fails for the container stops it, with option, label and template', () => {
  const labels = { ...url, 'loki-external-labels': 'a={{index .ContainerArgs 1}},b={{.Nam}}' };
  assert.match(
    errorOf(labels),
    /^loki-external-labels: the label b: "\{\{\.Nam\}\}" fails for this container: .*Nam.*; allowed are /,
  );
  assert.match(
    errorOf({ ...url, tag: '{{index .ContainerArgs 7}}' }),
    /^tag: "\{\{index \.ContainerArgs 7\}\}" fails for this container: /,
  );
  assert.deepEqual(
    start({ ...url, 'loki-external-labels': 'a={{index .ContainerArgs 1}}' }).warnings,
    [],
  );
});

test('a template sees the picked variables and no other', () => {
  const logOpts = { ...url, env: 'A', 'loki-external-labels': 'e={{json .ContainerEnv}}' };
  const { identity } = start(logOpts);
  assert.deepEqual(identity.env, ['A=1']);
});

test('stages that choose tenants for an endpoint without one are warned of', () => {
  const stages = '- match: {selector: \'{a="b"}\', stages: [{tenant: {source: org}}]}';
  const { warnings } = start({ ...url, 'loki-pipeline-stages': stages });
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] ?? '', /: stages choose tenants, .*; set loki-tenant-id$/);
  const own = { ...url, 'loki-pipeline-stages': stages, 'loki-tenant-id': 'own' };
  assert.deepEqual(start(own).warnings, []);
});
