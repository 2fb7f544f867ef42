/** Lines under the labels of their run, with structured metadata, or not at all. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { nodeFileSystem as disk } from '../../src/base/file-system.ts';
import { createLog } from '../../src/base/log.ts';
import { readMetadata, readPush } from '../../src/encode/push-reader.ts';
import type { LabelPair, PipelineText, StreamRun } from '../../src/pipeline/plan.ts';
import type { RejectedEntry } from '../../src/rejected/entry.ts';
import { Shipper } from '../../src/shipper/shipper.ts';
import { readCursors } from '../../src/wal/index.ts';
import { numberedFrames, textFrame } from '../helpers/frames.ts';
import { type TestLog, TestWal } from '../helpers/log-writer.ts';
import { plainPipeline } from '../helpers/runs.ts';
import { delivered, endpointOf, type Push, planOf, TestSink, until } from './ship-bench.ts';

const id = 'aa'.repeat(32);
const metadata: LabelPair[] = [
  ['container_id', id],
  ['image', 'busybox:ü'],
];

/** A run whose lines have this label. */
function runOf(fromLsn: number, name: string, more: Partial<StreamRun> = {}): StreamRun {
  const pairs: LabelPair[] = [['run', name]];
  return { fromLsn, labels: { stdout: pairs, stderr: pairs }, metadata, ...more };
}

/** Lines with their stream's labels and metadata. */
function shown(pushes: readonly Push[]): string[] {
  return pushes.flatMap(({ body }) =>
    (readPush(body) ?? []).flatMap(({ labels, entries }) =>
      entries.map((entry) => {
        const pairs = readMetadata(body, entry).map(({ name, value }) => `${name}=${value}`);
        return [labels, body.toString('utf8', entry.lineStart, entry.lineEnd), ...pairs].join(' ');
      }),
    ),
  );
}

describe('lines of several runs', () => {
  let wal: TestWal;
  let sink: TestSink;
  let shipper: Shipper;
  let rejected: RejectedEntry[];
  let said: string[];

  beforeEach(async () => {
    wal = new TestWal();
    await wal.open();
    sink = new TestSink();
    rejected = [];
    said = [];
    shipper = new Shipper({
      disk,
      log: createLog({ level: 'info', thread: 'delivery', write: (text) => said.push(text) }),
      createSink: () => sink,
      onAcknowledged: () => {},
      onRejected: (entries) => rejected.push(...entries),
    });
  });

  afterEach(async () => {
    await shipper.close();
    wal.remove();
  });

  function stream(log: TestLog, runs: StreamRun[], pipeline: PipelineText = plainPipeline): void {
    const endpoint = endpointOf('k', { batchSizeBytes: 16 * 1024 });
    shipper.stream(planOf(log, [{ endpointId: 1, endpoint, runs, pipeline }]));
  }

  async function acknowledged(log: TestLog): Promise<void> {
    await until('all is acknowledged', () => {
      return readCursors(disk, log.directory, log.containerId)[0]?.ackLsn === log.endLsn;
    });
  }

  const dropped = (): Readonly<Record<string, number>> => shipper.stats()[0]?.droppedLines ?? {};

  it('go out under the labels of their own, also when all is read at once', async () => {
    const log = await wal.log(id);
    log.attach();
    log.write(numberedFrames('n ', 1, 2));
    const second = log.endLsn;
    log.write(numberedFrames('n ', 3, 4));
    stream(log, [runOf(0, 'a'), runOf(second, 'b')]);
    await acknowledged(log);
    const rest = `container_id=${id} image=busybox:ü`;
    assert.deepEqual(shown(sink.taken).sort(), [
      `{run="a"} n 1 ${rest}`,
      `{run="a"} n 2 ${rest}`,
      `{run="b"} n 3 ${rest}`,
      `{run="b"} n 4 ${rest}`,
    ]);
  });

  it('of one that relabelling has dropped are read, counted and not sent', async () => {
    const log = await wal.log(id);
    log.attach();
    log.write(numberedFrames('n ', 1, 5));
    const second = log.endLsn;
    log.write(numberedFrames('n ', 6, 7));
    stream(log, [runOf(0, 'a', { isDropped: true }), runOf(second, 'b', { metadata: [] })]);
    await acknowledged(log);
    assert.deepEqual(shown(sink.taken), ['{run="b"} n 6', '{run="b"} n 7']);
    assert.deepEqual(dropped(), { relabel: 5 });
  });

  it('that are blank are left out when that is wished, and only then', async () => {
    const log = await wal.log(id);
    log.attach();
    ['', 'x', ' \t', '\u00a0', ' y'].forEach((text, index) => log.write(textFrame(text, index)));
    stream(log, [runOf(0, 'a', { metadata: [] })], { level: 'off', dropBlank: true });
    await acknowledged(log);
    const lines = shown(sink.taken);
    assert.deepEqual(
      lines.filter((line) => !line.includes('\u00a0')),
      ['{run="a"} x', '{run="a"}  y'],
    );
    assert.ok((dropped()['blank'] ?? 0) >= 2);
  });

  it('reach an endpoint that takes no structured metadata without it, and it is told once', async () => {
    const log = await wal.log(id);
    log.attach();
    log.write(numberedFrames('n ', 1, 300));
    const reason =
      "stream '{}' includes structured metadata, but this feature is disallowed. Please see `limits_config.allow_structured_metadata`";
    sink.rule = ({ body }) =>
      body.includes('container_id') ? { kind: 'rejected', reason, status: 400 } : delivered;
    stream(log, [runOf(0, 'a')]);
    await acknowledged(log);
    assert.equal(shown(sink.taken).length, 300);
    assert.ok(shown(sink.taken).every((line) => /^\{run="a"\} n \d+$/.test(line)));
    assert.deepEqual(rejected, []);
    const warnings = said.filter((text) => text.includes('loki-structured-metadata=false'));
    assert.equal(warnings.length, 1);
    // What is encoded from now on goes without at once.
    const before = sink.pushes.length;
    log.write(numberedFrames('n ', 301, 301));
    shipper.appended([id]);
    await acknowledged(log);
    assert.equal(sink.pushes.length, before + 1);
  });

  it('lose no line over that while several requests are under way', async () => {
    const logs: TestLog[] = [];
    const reason = 'stream includes structured metadata, but this feature is disallowed';
    const withMetadata = (): Push[] => sink.open.filter(({ body }) => body.includes('image'));
    sink.rule = ({ body }) => (body.includes('image') ? undefined : delivered);
    for (const name of ['aa', 'bb', 'cc']) {
      const log = await wal.log(name.repeat(32));
      log.attach();
      log.write(numberedFrames(`${name} `, 1, 400));
      logs.push(log);
      stream(log, [runOf(0, name)]);
      await until('its request is under way', () => withMetadata().length === logs.length);
    }
    for (const push of withMetadata()) sink.answer(push, { kind: 'rejected', reason, status: 400 });
    for (const log of logs) await acknowledged(log);
    assert.deepEqual(rejected, []);
    assert.equal(shown(sink.taken).length, 1200);
    assert.equal(said.filter((text) => text.includes('takes no structured metadata')).length, 1);
  });

  it('are sent without it also where the endpoint first says that they are too many', async () => {
    const log = await wal.log(id);
    log.attach();
    log.write(numberedFrames('n ', 1, 100));
    const disallowed = 'stream includes structured metadata, but this feature is disallowed';
    sink.rule = ({ body, bytes }) => {
      if (bytes > 4000) return { kind: 'too-large', reason: 'too large', status: 413 };
      return body.includes('image')
        ? { kind: 'rejected', reason: disallowed, status: 400 }
        : delivered;
    };
    stream(log, [runOf(0, 'a')]);
    await acknowledged(log);
    assert.deepEqual(rejected, []);
    assert.equal(shown(sink.taken).length, 100);
  });

  it('that are refused keep their metadata', async () => {
    const log = await wal.log(id);
    log.attach();
    log.write(numberedFrames('n ', 1, 1));
    sink.rule = () => ({ kind: 'rejected', reason: 'entry too far behind', status: 400 });
    stream(log, [runOf(0, 'a')]);
    await acknowledged(log);
    assert.deepEqual(rejected[0]?.metadata, [
      { name: 'container_id', value: id },
      { name: 'image', value: 'busybox:ü' },
    ]);
  });
});
