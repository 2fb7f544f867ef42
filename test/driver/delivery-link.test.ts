/** What delivery and the registry of containers are told when a stream is there or settings change. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import { mock, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { createLog } from '../../src/base/log.ts';
import { DeliveryLink } from '../../src/driver/delivery-link.ts';
import type { DeliveryPlan } from '../../src/driver/delivery-plan.ts';
import {
  CursorFile,
  containerDirectory,
  createContainerDirectory,
  EndpointRegistry,
  openWalRoot,
} from '../../src/wal/index.ts';
import { FaultyDisk } from '../helpers/faulty-disk.ts';

type Pairs = Record<string, string>;

/** As long as many turns of the event loop take; nothing here takes a hundredth of it. */
const turnsMax = 100_000;
const containerId = 'cd'.repeat(32);
const graceMs = 3_600_000;

/** A link, what it was told and what it told. */
class Stage implements Disposable {
  readonly root = fs.mkdtempSync(`${os.tmpdir()}/holdfast-link-`);
  readonly told: string[] = [];
  readonly plans: DeliveryPlan[] = [];
  readonly logged: string[] = [];
  readonly disk = new FaultyDisk();
  nowMs = 1_000_000;
  #link: DeliveryLink | undefined;
  #registry: EndpointRegistry | undefined;

  /** As a plugin that starts with these settings. */
  start(env: Pairs): DeliveryLink {
    const registry = new EndpointRegistry(this.disk, this.root);
    const write = (line: string): number => this.logged.push(line);
    const log = createLog({ level: 'info', thread: 'test', write });
    this.#registry = registry;
    this.#link = new DeliveryLink({
      delivery: {
        stream: (plan) => {
          this.plans.push(plan);
          const names = plan.endpoints.map(({ endpoint }) => endpoint.label);
          this.told.push(`stream to ${names.join()} pinned ${plan.pinnedIds.join()}`);
        },
        appended: () => this.told.push('appended'),
        release: () => this.told.push('release'),
      },
      containers: () => ({
        setLocal: (_, isLocal) => this.told.push(`local ${isLocal}`),
        released: () => this.told.push('released'),
      }),
      ...{ registry, env, graceMs, host: 'h', log, now: () => this.nowMs },
    });
    return this.#link;
  }

  async prepare(): Promise<void> {
    await openWalRoot(this.disk, this.root);
    await createContainerDirectory(this.disk, this.root, containerId);
  }

  /** What was told since the last look, when there is as much as that. */
  async until(count: number): Promise<string[]> {
    for (let turn = 0; this.told.length < count && turn < turnsMax; turn += 1) await setImmediate();
    await this.#registry?.settled();
    return this.told.splice(0);
  }

  /** Waits for a line in the driver's log. */
  async untilLogged(): Promise<string> {
    for (let turn = 0; this.logged.length === 0 && turn < turnsMax; turn += 1) await setImmediate();
    return this.logged.splice(0).join('');
  }

  stream(logOpts: Pairs = {}) {
    return {
      directory: containerDirectory(this.root, containerId),
      committed: new SharedArrayBuffer(16),
      record: {
        ...{ containerId, containerName: 'web', imageId: '', imageName: '', createdAt: '' },
        ...{ labels: {}, logOpts },
      },
    };
  }

  /** Endpoints with these numbers have acknowledged something. */
  acknowledge(...endpointIds: number[]): void {
    const cursors = new CursorFile(this.disk, this.stream().directory, containerId);
    const place = { sequence: 1, offset: 0 };
    for (const endpointId of endpointIds) {
      cursors.set({ endpointId, ackLsn: 5, ackOrdinal: 1, place, ackedAtMs: 0 }, false);
    }
  }

  [Symbol.dispose](): void {
    mock.timers.reset();
    fs.rmSync(this.root, { recursive: true, force: true });
  }
}

test('hands a stream to delivery with all its endpoints, and appends after that only', async () => {
  using stage = new Stage();
  await stage.prepare();
  const link = stage.start({ HOLDFAST_OPTS: 'loki-url.eu=http://eu' });
  link.onAppended(containerId);
  link.onStream(stage.stream({ 'loki-url': 'http://own' }));
  assert.deepEqual(await stage.until(2), ['local false', 'stream to own,eu pinned ']);
  link.onAppended(containerId);
  link.onRelease(containerId);
  link.onAppended(containerId);
  assert.deepEqual(await stage.until(2), ['appended', 'release']);
});

test('a container without an endpoint is local, and nobody holds it back', async () => {
  using stage = new Stage();
  await stage.prepare();
  const link = stage.start({});
  link.onStream(stage.stream());
  assert.deepEqual(await stage.until(1), ['local true']);
  link.onAppended(containerId);
  link.onRelease(containerId);
  assert.deepEqual(await stage.until(1), ['released']);
});

test('holds what an endpoint has not got that settings name no more, and lets go in time', async () => {
  using stage = new Stage();
  await stage.prepare();
  stage.start({ LOKI_URL: 'http://old' }).onStream(stage.stream());
  assert.deepEqual(await stage.until(2), ['local false', 'stream to old pinned ']);
  stage.acknowledge(1);

  mock.timers.enable({ apis: ['setTimeout'] });
  stage.start({ LOKI_URL: 'http://new' }).onStream(stage.stream());
  assert.deepEqual(await stage.until(2), ['local false', 'stream to new pinned 1']);
  mock.timers.tick(graceMs - 1);
  assert.deepEqual(await stage.until(0), []);
  stage.nowMs += graceMs;
  mock.timers.tick(1);
  assert.deepEqual(await stage.until(2), ['local false', 'stream to new pinned ']);
  // A plugin that starts after that does not hold it anew.
  stage.start({ LOKI_URL: 'http://new' }).onStream(stage.stream());
  assert.deepEqual(await stage.until(2), ['local false', 'stream to new pinned ']);
});

test('the period goes on where a former process was', async () => {
  using stage = new Stage();
  await stage.prepare();
  stage.acknowledge(7);
  mock.timers.enable({ apis: ['setTimeout'] });
  stage.start({ LOKI_URL: 'http://new' }).onStream(stage.stream());
  assert.deepEqual(await stage.until(2), ['local false', 'stream to new pinned 7']);
  stage.nowMs += graceMs - 10;
  const link = stage.start({ LOKI_URL: 'http://new' });
  link.onStream(stage.stream());
  assert.deepEqual(await stage.until(2), ['local false', 'stream to new pinned 7']);
  stage.nowMs += 10;
  mock.timers.tick(10);
  assert.deepEqual(await stage.until(2), ['local false', 'stream to new pinned ']);
});

test('without any endpoint left, the data is not history before the period is over', async () => {
  using stage = new Stage();
  await stage.prepare();
  stage.acknowledge(1);
  mock.timers.enable({ apis: ['setTimeout'] });
  const link = stage.start({});
  link.onStream(stage.stream());
  assert.deepEqual(await stage.until(1), ['local false']);
  stage.nowMs += graceMs;
  mock.timers.tick(graceMs);
  assert.deepEqual(await stage.until(1), ['local true']);
});

test('a container that is let go of is planned no more, and nothing of it is remembered', async () => {
  using stage = new Stage();
  await stage.prepare();
  stage.acknowledge(1);
  mock.timers.enable({ apis: ['setTimeout'] });
  const link = stage.start({ LOKI_URL: 'http://new' });
  link.onStream(stage.stream());
  assert.deepEqual(await stage.until(2), ['local false', 'stream to new pinned 1']);
  link.onRelease(containerId);
  assert.deepEqual(await stage.until(1), ['release']);
  mock.timers.tick(2 * graceMs);
  assert.deepEqual(await stage.until(0), []);
  const text = fs.readFileSync(`${stage.root}/endpoints.json`, 'utf8');
  assert.doesNotMatch(text, new RegExp(containerId));
});

test('settings that are wrong by now keep the logs, unread and not as history', async () => {
  using stage = new Stage();
  await stage.prepare();
  mock.timers.enable({ apis: ['setTimeout'] });
  const link = stage.start({ LOKI_URL: 'loki' });
  link.onStream(stage.stream());
  assert.match(await stage.untilLogged(), /no delivery for a container; its logs are kept/);
  mock.timers.tick(60_000);
  assert.deepEqual(await stage.until(0), []);
  assert.deepEqual(stage.logged, []);
  stage.start({ LOKI_URL: 'http://mended' }).onStream(stage.stream());
  assert.deepEqual(await stage.until(2), ['local false', 'stream to mended pinned ']);
});

test('a disk that fails is tried again', async () => {
  using stage = new Stage();
  await stage.prepare();
  mock.timers.enable({ apis: ['setTimeout'] });
  const link = stage.start({ LOKI_URL: 'http://a' });
  stage.disk.fail('fdatasync', 'EIO');
  link.onStream(stage.stream());
  assert.match(await stage.untilLogged(), /"cause":".*EIO.*no delivery for a container/);
  assert.deepEqual(await stage.until(0), []);
  mock.timers.tick(10_000);
  assert.deepEqual(await stage.until(2), ['local false', 'stream to a pinned ']);
});

test('a stage file that is gone or wrong is read again', async () => {
  const rows: [text: string | undefined, expected: RegExp][] = [
    [undefined, /stages.yaml.* cannot be read \(there is none\)/],
    ['a: [', /stages.yaml.* is wrong: line \d: this is not YAML/],
    ['- lables: {level: }', /stages.yaml.* is wrong: .*there is no stage/],
  ];
  for (const [text, expected] of rows) {
    using stage = new Stage();
    await stage.prepare();
    mock.timers.enable({ apis: ['setTimeout'] });
    const file = `${stage.root}/stages.yaml`;
    if (text !== undefined) fs.writeFileSync(file, text);
    const link = stage.start({ LOKI_URL: 'http://a', LOKI_PIPELINE_STAGE_FILE: file });
    link.onStream(stage.stream());
    assert.match(await stage.untilLogged(), expected);
    assert.deepEqual(await stage.until(0), []);
    fs.writeFileSync(file, '- labels: {level: }');
    mock.timers.tick(10_000);
    assert.deepEqual(await stage.until(2), ['local false', 'stream to a pinned ']);
    assert.equal(stage.plans[0]?.endpoints[0]?.pipeline.stages?.trim(), '- labels: {level: }');
  }
});

test('old lines that get later labels are told of once', async () => {
  using stage = new Stage();
  await stage.prepare();
  const team = 'team={{index (split .Name "-") 1}}';
  const link = stage.start({ LOKI_URL: 'http://a', LOKI_EXTERNAL_LABELS: team });
  const { record, ...stream } = stage.stream();
  const image = { imageId: '', imageName: '', createdAt: '', labels: {} };
  const runs = ['web', 'web-pay'].map((containerName, index) => ({
    ...{ fromLsn: index, identity: { containerName, ...image } },
  }));
  for (const time of [1, 2]) {
    link.onStream({ ...stream, record: { ...record, runs } });
    assert.equal((await stage.until(2)).length, 2, `time ${time}`);
  }
  assert.equal(stage.logged.length, 1);
  assert.match(
    stage.logged.join(''),
    /"cause":"loki-external-labels: .* an older name; later ones/,
  );
});

test('of two plans for a container only the newer one counts', async () => {
  using stage = new Stage();
  await stage.prepare();
  const link = stage.start({});
  link.onStream(stage.stream({ 'loki-url': 'http://first' }));
  link.onStream(stage.stream({ 'loki-url': 'http://second' }));
  assert.deepEqual(await stage.until(2), ['local false', 'stream to second pinned ']);
  assert.equal(stage.plans.length, 1);
});
