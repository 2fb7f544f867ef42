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
  for (const { labels } of plan.endpoints) {
    assert.deepEqual(labels, {
      stdout: '{container_name="web", host="host-1", source="stdout"}',
      stderr: '{container_name="web", host="host-1", source="stderr"}',
    });
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
