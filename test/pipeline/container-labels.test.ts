/** The labels of a container, in the order of Grafana's driver, and what is told of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerInfo } from '../../src/pipeline/container-info.ts';
import { type LabelRules, labelsOfRun } from '../../src/pipeline/container-labels.ts';
import { compileLabelTemplate } from '../../src/pipeline/label-template.ts';
import { parseRelabelling } from '../../src/pipeline/relabel.ts';

const containerId = 'ab'.repeat(32);

function infoOf(more: Partial<ContainerInfo> = {}): ContainerInfo {
  const image = { imageId: 'sha256:1', imageName: 'app:1', createdAt: '' };
  const none = { labels: {}, logOpts: {}, host: 'h' };
  return { containerId, containerName: 'web', ...image, ...none, ...more };
}

function rulesOf(external: string, more: Partial<LabelRules> = {}): LabelRules {
  const pairs = external === '' ? [] : external.split(',').map((pair) => pair.split('='));
  return {
    external: pairs.map(([name = '', text = '']) => ({
      name,
      template: compileLabelTemplate(text),
    })),
    attributes: { labels: {}, env: {} },
    hasMetadata: false,
    ...more,
  };
}

function labelsOf(info: ContainerInfo, rules: LabelRules): Record<string, string> {
  return Object.fromEntries(labelsOfRun(info, rules).run.labels.stdout);
}

const selectAll = { labels: { pattern: '.' }, env: { pattern: '.' } };

test('has external labels, host and source, sorted', () => {
  const { run, warnings } = labelsOfRun(infoOf(), rulesOf('container_name={{.Name}},job=docker'));
  assert.deepEqual(run.labels.stdout, [
    ['container_name', 'web'],
    ['host', 'h'],
    ['job', 'docker'],
    ['source', 'stdout'],
  ]);
  assert.deepEqual(run.labels.stderr.at(-1), ['source', 'stderr']);
  assert.deepEqual(run.metadata, []);
  assert.ok(!('isDropped' in run));
  assert.deepEqual(warnings, []);
  assert.deepEqual(labelsOf(infoOf({ host: '' }), rulesOf('a=')), { source: 'stdout' });
});

test('has what compose and swarm say of the container', () => {
  const labels = {
    'com.docker.compose.project': 'shop',
    'com.docker.compose.service': 'web',
    'com.docker.stack.namespace': 'stack',
    'com.docker.swarm.service.name': 'stack_web',
    'com.docker.compose.oneoff': 'False',
  };
  assert.deepEqual(labelsOf(infoOf({ labels }), rulesOf('')), {
    compose_project: 'shop',
    compose_service: 'web',
    swarm_stack: 'stack',
    swarm_service: 'stack_web',
    host: 'h',
    source: 'stdout',
  });
});

test('later ones win: external, tag, labels, variables, compose, host, file name, source', () => {
  const names = 'tag=1,A=1,B=1,compose_service=1,host=1,filename=1,source=1';
  const labels = { A: '2', B: '2', compose_service: '2', 'com.docker.compose.service': '4' };
  const info = infoOf({ labels, env: ['B=3', 'host=3', 'source=3'] });
  const rules = rulesOf(names, {
    tag: compileLabelTemplate('2'),
    attributes: selectAll,
    fileName: '/log',
  });
  const { com_docker_compose_service: key, ...others } = labelsOf(info, rules);
  assert.equal(key, '4');
  assert.deepEqual(others, {
    ...{ tag: '2', A: '2', B: '3', compose_service: '4' },
    ...{ host: 'h', filename: '/log', source: 'stdout' },
  });
});

test('every name goes through the sanitiser, and two that become one are told', () => {
  const labels = { 'a.b': '1', 'a-b': '2', 'ü/x': '3', '9': '4' };
  const rules = rulesOf('', { attributes: selectAll });
  const { run, warnings } = labelsOfRun(infoOf({ labels }), rules);
  const found = Object.fromEntries(run.labels.stdout);
  assert.deepEqual([found['a_b'], found['__x'], found['_9']], ['1', '3', '4']);
  assert.deepEqual(warnings, [
    "the label a_b comes from the container's label a-b and from the container's label a.b, which counts",
  ]);
  const same = { 'a.b': '1', 'a-b': '1' };
  assert.deepEqual(labelsOfRun(infoOf({ labels: same }), rules).warnings, []);
});

test('a variable that replaces a label, and a label that replaces an external one, are told', () => {
  const info = infoOf({ labels: { app: 'label' }, env: ['app=env'] });
  const { warnings } = labelsOfRun(info, rulesOf('app=external', { attributes: selectAll }));
  assert.deepEqual(warnings, [
    "the label app comes from loki-external-labels (app) and from the container's label app, which counts",
    "the label app comes from the container's label app and from the variable app, which counts",
  ]);
});

test('more labels than Loki takes are told with their names, the one of the level too', () => {
  const labels = Object.fromEntries(Array.from({ length: 13 }, (_, n) => [`l${n}`, 'x']));
  const rules = rulesOf('', { attributes: selectAll });
  assert.deepEqual(labelsOfRun(infoOf({ labels }), rules).warnings, []);
  const { run, warnings } = labelsOfRun(infoOf({ labels }), { ...rules, addedLater: ['level'] });
  assert.equal(run.labels.stdout.length, 15);
  assert.match(
    warnings.join(),
    /^the container has 16 labels and Loki takes 15, unless told otherwise .*: host, l0, l1, l10,.* level, source$/,
  );
});

test('a value is cut to what Loki takes, between two characters, and told', () => {
  const info = infoOf({ labels: { big: 'ä'.repeat(1500) } });
  const { run, warnings } = labelsOfRun(info, rulesOf('', { attributes: selectAll }));
  assert.deepEqual(run.labels.stdout[0], ['big', 'ä'.repeat(1024)]);
  assert.match(warnings.join(), /^the label big \(the container's label big\) has 3000 bytes and/);
});

test('the file name is where dockerd says that the log is, else where it is on the host', () => {
  const rules = rulesOf('', { fileName: '/var/lib/log' });
  assert.equal(labelsOf(infoOf(), rules)['filename'], '/var/lib/log');
  assert.equal(labelsOf(infoOf({ logPath: '/said' }), rules)['filename'], '/said');
  assert.ok(!('filename' in labelsOf(infoOf({ logPath: '/said' }), rulesOf(''))));
});

test('structured metadata is the full id and the name of the image', () => {
  const rules = rulesOf('', { hasMetadata: true });
  assert.deepEqual(labelsOfRun(infoOf(), rules).run.metadata, [
    ['container_id', containerId],
    ['image', 'app:1'],
  ]);
  const bare = labelsOfRun(infoOf({ imageName: '' }), rules).run.metadata;
  assert.deepEqual(bare, [['container_id', containerId]]);
});

test('relabelling sees all labels but source, and what it drops is told', () => {
  const yaml = `
- {source_labels: [host, source], target_label: seen}
- {action: labeldrop, regex: host}
- {target_label: source, replacement: mine}`;
  const rules = rulesOf('', { relabelling: parseRelabelling(yaml) });
  assert.deepEqual(labelsOf(infoOf(), rules), { seen: 'h;', source: 'stdout' });
  const drop = '[{source_labels: [container_name], regex: web, action: drop}]';
  const dropping = rulesOf('container_name={{.Name}}', { relabelling: parseRelabelling(drop) });
  const { run, warnings } = labelsOfRun(infoOf(), dropping);
  assert.equal(run.isDropped, true);
  assert.deepEqual(warnings, [
    'loki-relabel-config drops this container: its lines are not shipped',
  ]);
  assert.ok(!('isDropped' in labelsOfRun(infoOf({ containerName: 'db' }), dropping).run));
});
