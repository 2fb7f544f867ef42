/** From the log-opts of a container and the plugin's settings to what delivery is told. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import { test } from 'node:test';
import { nodeFileSystem as disk } from '../../src/base/file-system.ts';
import { type DeliveryPlan, planDelivery } from '../../src/driver/delivery-plan.ts';
import type { StreamOptions } from '../../src/shipper/endpoint-options.ts';
import { EndpointRegistry, openWalRoot } from '../../src/wal/index.ts';

type Pairs = Record<string, string>;

const containerId = 'ab'.repeat(32);

function streamOf(logOpts: Pairs) {
  return {
    directory: '/nowhere',
    committed: new SharedArrayBuffer(16),
    record: {
      ...{ containerId, containerName: 'web', imageId: '', imageName: '', createdAt: '' },
      ...{ labels: {}, logOpts },
    },
  };
}

async function registryIn(root: string): Promise<EndpointRegistry> {
  await openWalRoot(disk, root);
  return new EndpointRegistry(disk, root);
}

function temporary(): { path: string } & Disposable {
  const path = fs.mkdtempSync(`${os.tmpdir()}/holdfast-plan-`);
  return { path, [Symbol.dispose]: () => fs.rmSync(path, { recursive: true, force: true }) };
}

test('plans every endpoint with a number of its own, and the same labels', async () => {
  using root = temporary();
  const registry = await registryIn(root.path);
  const stream = streamOf({ 'loki-url': 'http://a', 'loki-url.eu': 'grpc://b' });
  const plan = await planDelivery(stream, {}, 'host-1', registry);
  assert.ok(plan !== undefined);
  // The type is a test as well: this is what a delivery thread takes.
  const taken: StreamOptions = plan;
  assert.deepEqual(
    taken.endpoints.map(({ endpointId, endpoint }) => [endpointId, endpoint.label]),
    [
      [1, 'a'],
      [2, 'eu'],
    ],
  );
  for (const { runs } of taken.endpoints) {
    const common = [
      ['container_name', 'web'],
      ['host', 'host-1'],
    ];
    assert.deepEqual(
      runs.map(({ labels }) => labels),
      [
        {
          stdout: [...common, ['source', 'stdout']],
          stderr: [...common, ['source', 'stderr']],
        },
      ],
    );
  }
  assert.deepEqual(taken.pinnedIds, []);
  assert.equal(taken.committed, stream.committed);
  // It crosses to a thread.
  assert.deepEqual(structuredClone({ ...plan, committed: undefined }).endpoints, plan.endpoints);
});

test('the same endpoint has the same number for every container and every password', async () => {
  using root = temporary();
  const registry = await registryIn(root.path);
  const idsOf = async (logOpts: Pairs, env: Pairs = {}): Promise<number[]> => {
    const plan: DeliveryPlan | undefined = await planDelivery(
      streamOf(logOpts),
      env,
      'h',
      registry,
    );
    return plan?.endpoints.map(({ endpointId }) => endpointId) ?? [];
  };
  assert.deepEqual(await idsOf({ 'loki-url': 'http://a' }), [1]);
  assert.deepEqual(await idsOf({}, { LOKI_URL: 'http://me:pw@a/' }), [1]);
  assert.deepEqual(await idsOf({ 'loki-url': 'http://b,http://a' }), [2, 1]);
  assert.deepEqual(await idsOf({ 'loki-url': 'http://a', 'loki-tenant-id': 't' }), [3]);
});

test('there is no plan without an endpoint, and settings that are wrong by now are an error', async () => {
  using root = temporary();
  const registry = await registryIn(root.path);
  assert.equal(await planDelivery(streamOf({}), {}, 'h', registry), undefined);
  await assert.rejects(planDelivery(streamOf({}), { LOKI_URL: 'loki' }, 'h', registry), {
    code: 'invalid_option',
    message: /^LOKI_URL \(plugin setting of loki-url\): "loki" does not begin with http/,
  });
  assert.ok(!fs.existsSync(`${root.path}/endpoints.json`));
});

function runOf(fromLsn: number, containerName: string) {
  const image = { imageId: '', imageName: 'app:1', createdAt: '' };
  return { fromLsn, identity: { containerName, ...image, labels: {} } };
}

test('each run has the labels of who the container was then; equal ones are one run', async () => {
  using root = temporary();
  const registry = await registryIn(root.path);
  const stream = streamOf({ 'loki-url': 'http://a', 'loki-url.eu': 'http://b' });
  // The oldest runs are gone: what was before them has the labels of the first that is known.
  const runs = [runOf(7, 'old'), runOf(50, 'new'), runOf(60, 'new'), runOf(70, 'newest')];
  const record = { ...stream.record, containerName: 'next', runs };
  const plan = await planDelivery({ ...stream, record }, {}, 'h', registry);
  assert.deepEqual(
    plan?.endpoints.map((endpoint) =>
      endpoint.runs.map((run) => [run.fromLsn, run.labels.stdout[0]]),
    ),
    Array.from({ length: 2 }, () => [
      [0, ['container_name', 'old']],
      [50, ['container_name', 'new']],
      [70, ['container_name', 'newest']],
    ]),
  );
  const [first] = plan?.endpoints ?? [];
  assert.deepEqual(first?.runs[0]?.metadata, [
    ['container_id', containerId],
    ['image', 'app:1'],
  ]);
});

test('a run whose labels cannot be made has those of the next that works', async () => {
  using root = temporary();
  const registry = await registryIn(root.path);
  // There is no part behind the dash in some of the names.
  const team = 'team={{index (split .Name "-") 1}}';
  const stream = streamOf({ 'loki-url': 'http://a,http://b', 'loki-external-labels': team });
  const plansOf = async (...names: string[]) => {
    const runs = names.map((name, index) => runOf(10 * index, name));
    const record = { ...stream.record, runs };
    const told: string[] = [];
    const plan = await planDelivery({ ...stream, record }, {}, 'h', registry, (because) =>
      told.push(because),
    );
    const teams = plan?.endpoints.map((endpoint) =>
      endpoint.runs.map(({ fromLsn, labels }) => [fromLsn, new Map(labels.stdout).get('team')]),
    );
    return { teams, told };
  };
  const { teams, told } = await plansOf('web', 'api', 'web-pay', 'web', 'web-shop');
  const runs = [
    [0, 'pay'],
    [30, 'shop'],
  ];
  assert.deepEqual(teams, [runs, runs]);
  assert.equal(told.length, 1);
  assert.match(told[0] ?? '', /^loki-external-labels: the label team: .* fails for this container/);
  assert.deepEqual((await plansOf('web-pay', 'web-shop')).told, []);
  await assert.rejects(plansOf('web-pay', 'web'), { code: 'invalid_option' });
});

test('a run that relabelling drops is marked, and the others are not', async () => {
  using root = temporary();
  const registry = await registryIn(root.path);
  const drop = '[{source_labels: [container_name], regex: old, action: drop}]';
  const stream = streamOf({ 'loki-url': 'http://a', 'loki-relabel-config': drop });
  const record = { ...stream.record, runs: [runOf(0, 'old'), runOf(9, 'new')] };
  const plan = await planDelivery({ ...stream, record }, {}, 'h', registry);
  const runs = plan?.endpoints[0]?.runs ?? [];
  assert.deepEqual(
    runs.map(({ isDropped = false }) => isDropped),
    [true, false],
  );
});

test('the pipeline of each endpoint is plain data, and stages of a file are read anew', async () => {
  using root = temporary();
  const registry = await registryIn(root.path);
  const file = `${root.path}/stages.yaml`;
  fs.writeFileSync(file, 'pipeline_stages: [{labels: {level: }}]');
  const logOpts = {
    'loki-url': 'http://a',
    'loki-url.eu': 'http://b',
    'loki-pipeline-stage-file.eu': file,
    'loki-level.eu': 'auto',
    'loki-drop-blank': 'true',
    'multiline-pattern': '^x',
  };
  const pipelinesOf = async () => {
    const plan = await planDelivery(streamOf(logOpts), {}, 'h', registry);
    return Object.fromEntries(
      (plan?.endpoints ?? []).map(({ endpoint, pipeline }) => [endpoint.name, pipeline]),
    );
  };
  const common = { multilinePattern: '^x', dropBlank: true };
  const { eu, ...others } = await pipelinesOf();
  assert.deepEqual(others, { '': { ...common, level: 'off' } });
  assert.deepEqual(
    { ...eu, stages: eu?.stages?.trim() },
    { ...common, level: 'label', stages: '[{labels: {level: }}]' },
  );
  fs.writeFileSync(file, '[]');
  assert.equal((await pipelinesOf())['eu']?.stages, '[]');
  fs.rmSync(file);
  await assert.rejects(planDelivery(streamOf(logOpts), {}, 'h', registry), {
    code: 'file_unreadable',
    message: /^loki-pipeline-stage-file.eu: the file .* cannot be read \(there is none\)/,
  });
});
