/**
 * Delivery of two containers to three endpoints under random commands, next to what must come
 * of it: endpoints fail, limit, hang and refuse, processes are killed and stopped, segments are
 * closed, sealed and removed. Every check names the invariant it stands for.
 */

import assert from 'node:assert/strict';
import { nodeFileSystem as disk, type FileSystem } from '../../src/base/file-system.ts';
import { silentLog } from '../../src/base/log.ts';
import type { RejectedEntry } from '../../src/rejected/entry.ts';
import type { EndpointOptions } from '../../src/shipper/endpoint-options.ts';
import { Shipper } from '../../src/shipper/shipper.ts';
import type { SendResult } from '../../src/sink/sink.ts';
import {
  listSegmentFacts,
  readCursors,
  removeSegmentsBefore,
  sealSegment,
} from '../../src/wal/index.ts';
import { type TestLog, TestWal } from '../helpers/log-writer.ts';
import { rulesOf } from '../helpers/runs.ts';
import { ModelLog } from './delivery-model-log.ts';
import {
  delivered,
  endpointOf,
  outage,
  type Push,
  planOf,
  TestSink,
  tick,
  until,
} from './ship-bench.ts';

/** How an endpoint meets one push. `hang` waits for `release`, or for the end of the process. */
export type Mood = 'ok' | 'outage' | 'limit' | 'hang';

/** One step of a history. Numbers of containers and endpoints count from 0. */
export type Command =
  | { do: 'print'; container: number; lines: number; source: 'stdout' | 'stderr' }
  | { do: 'piece'; container: number; last: boolean }
  | { do: 'gap' | 'cut' | 'rotate' | 'seal' | 'remove'; container: number }
  | { do: 'moods'; endpoint: number; moods: Mood[] }
  | { do: 'release' | 'well'; endpoint: number }
  | { do: 'drop' | 'name'; endpoint: number }
  | { do: 'kill' | 'restart' | 'wait' | 'settle' };

const keys = ['steady', 'picky', 'small'] as const;
type Key = (typeof keys)[number];

/** `picky` refuses some lines and large requests; `small` gets them in many batches. */
const changes: Record<Key, Partial<EndpointOptions>> = {
  steady: { batchWaitMs: 1 },
  picky: { batchWaitMs: 1, batchSizeBytes: 2000 },
  small: { batchWaitMs: 1, batchSizeBytes: 300 },
};
const pickyBytesMax = 1500;

/** What an endpoint has got. */
interface Endpoint {
  readonly key: Key;
  moods: Mood[];
  /** Whether containers name it. */
  isNamed: boolean;
  /** The furthest line that came, by container and source. */
  readonly reached: Map<string, number>;
  /** Lines that came or were refused, by container. */
  readonly had: Map<string, Set<string>>;
  /** Cursors only grow. */
  readonly ackLsn: Map<string, number>;
}

/** See the module comment. */
export class DeliveryModel {
  readonly #wal = new TestWal();
  readonly #logs: ModelLog[] = [];
  readonly #endpoints: Endpoint[] = keys.map((key) => ({
    key,
    moods: [],
    isNamed: true,
    reached: new Map(),
    had: new Map(),
    ackLsn: new Map(),
  }));
  #shipper: Shipper | undefined;
  #sinks = new Map<Key, TestSink>();
  #life = { isOver: false };
  readonly #dead: Shipper[] = [];
  #failure: Error | undefined;

  async begin(): Promise<void> {
    await this.#wal.open();
    for (const name of ['aa', 'bb']) {
      this.#logs.push(new ModelLog(await this.#wal.log(name.repeat(32), 3000)));
    }
    this.#start();
  }

  async apply(command: Command): Promise<void> {
    if ('container' in command) this.#write(command);
    else if (command.do === 'well') await this.#well(this.#of(command.endpoint));
    else if ('endpoint' in command) this.#tell(command);
    else await this.#live(command.do);
    this.check();
  }

  /** Everybody gets well and gets all; then everything is accounted for. */
  async end(): Promise<void> {
    for (const endpoint of this.#endpoints) {
      endpoint.moods = endpoint.moods.filter((mood) => mood !== 'hang');
      endpoint.isNamed = true;
    }
    for (const [, sink] of this.#sinks) for (const push of sink.open) sink.answer(push, outage());
    for (const log of this.#logs) log.cut();
    this.#plan();
    for (const { log } of this.#logs) this.#shipper?.appended([log.containerId]);
    await this.#shipper?.drain(30_000);
    await this.#shipper?.close();
    this.check();
    for (const endpoint of this.#endpoints) {
      for (const log of this.#logs) {
        const { containerId, endLsn } = log.log;
        const lacks = log.all.filter((text) => !endpoint.had.get(containerId)?.has(text));
        assert.deepEqual(lacks, [], `I1: ${endpoint.key} has every line, or refused it`);
        const ackLsn = endpoint.ackLsn.get(containerId);
        assert.equal(ackLsn, endLsn, `I1: ${endpoint.key} has acknowledged to the end`);
      }
    }
  }

  async dispose(): Promise<void> {
    this.#life.isOver = true;
    if (this.#shipper !== undefined) this.#dead.push(this.#shipper);
    await Promise.all(this.#dead.map(async (shipper) => shipper.close()));
    for (const { log } of this.#logs) log.close();
    this.#wal.remove();
  }

  check(): void {
    if (this.#failure !== undefined) throw this.#failure;
    for (const log of this.#logs) {
      const { directory, containerId, endLsn } = log.log;
      for (const { endpointId, ackLsn, ackOrdinal } of readCursors(disk, directory, containerId)) {
        const endpoint = this.#of(endpointId - 1);
        const before = endpoint.ackLsn.get(containerId) ?? 0;
        assert.ok(ackLsn >= before, `I3: the cursor of ${endpoint.key} never goes back`);
        endpoint.ackLsn.set(containerId, ackLsn);
        assert.ok(ackLsn <= endLsn, 'I3: no cursor is beyond what is committed');
        assert.ok(ackLsn <= log.openLsn, 'I3: no cursor is behind the start of an open line');
        const ordinal = log.edges.get(ackLsn);
        assert.ok(ordinal !== undefined, `I3: ${ackLsn} is an edge of a frame`);
        assert.equal(ackOrdinal, ordinal, 'I3: the ordinal is that of the position');
      }
    }
  }

  #of(endpoint: number): Endpoint {
    const found = this.#endpoints[endpoint];
    assert.ok(found !== undefined);
    return found;
  }

  #write(command: Extract<Command, { container: number }>): void {
    const log = this.#logs[command.container];
    assert.ok(log !== undefined);
    const { directory, containerId } = log.log;
    if (command.do === 'print') log.print(command.lines, command.source);
    else if (command.do === 'piece') log.piece(command.last);
    else if (command.do === 'gap') log.gap();
    else if (command.do === 'cut') log.cut();
    else if (command.do === 'rotate') log.log.close();
    else if (command.do === 'seal') seal(log.log);
    else removeSegmentsBefore(disk, directory, containerId, log.removableLsn);
    this.#shipper?.appended([containerId]);
  }

  #tell(command: Exclude<Extract<Command, { endpoint: number }>, { do: 'well' }>): void {
    const endpoint = this.#of(command.endpoint);
    const sink = this.#sinks.get(endpoint.key);
    if (command.do === 'moods') endpoint.moods.push(...command.moods);
    else if (command.do === 'release')
      for (const push of sink?.open ?? []) sink?.answer(push, outage());
    else {
      endpoint.isNamed = command.do === 'name';
      this.#plan();
    }
  }

  /** One endpoint is well, and has all that there is, however the others fail meanwhile. */
  async #well(endpoint: Endpoint): Promise<void> {
    if (!endpoint.isNamed) return;
    endpoint.moods = [];
    const sink = this.#sinks.get(endpoint.key);
    for (const push of sink?.open ?? []) sink?.answer(push, outage());
    const lacks = (log: ModelLog): string[] =>
      log.all.filter((text) => !endpoint.had.get(log.log.containerId)?.has(text));
    const hasAll = (): boolean => this.#logs.every((log) => lacks(log).length === 0);
    await until(`I4: ${endpoint.key} has all, whatever the others do`, () => {
      return this.#failure !== undefined || hasAll();
    });
  }

  async #live(what: 'kill' | 'restart' | 'wait' | 'settle'): Promise<void> {
    if (what === 'wait') for (let turn = 0; turn < 10; turn += 1) await tick();
    // Longer than a round of writing cursors.
    if (what === 'settle') await new Promise((resolve) => setTimeout(resolve, 110));
    if (what === 'kill') this.#kill();
    if (what === 'restart') await this.#shipper?.close();
    if (what === 'kill' || what === 'restart') this.#start();
  }

  #plan(): void {
    for (const { log } of this.#logs) {
      const numbered = this.#endpoints.map(({ key, isNamed }, index) => ({ key, isNamed, index }));
      const labels = labelsOf(log.containerId);
      const endpoints = numbered
        .filter(({ isNamed }) => isNamed)
        .map(({ key, index }) => ({
          endpointId: index + 1,
          endpoint: endpointOf(key, changes[key]),
          ...rulesOf(labels),
        }));
      const pinned = numbered.filter(({ isNamed }) => !isNamed).map(({ index }) => index + 1);
      this.#shipper?.stream(planOf(log, endpoints, pinned));
    }
  }

  #kill(): void {
    this.#life.isOver = true;
    if (this.#shipper !== undefined) this.#dead.push(this.#shipper);
  }

  #start(): void {
    const life = { isOver: false };
    this.#life = life;
    this.#sinks = new Map();
    // A killed process moves no cursor any more, whatever its timers would like to do.
    const mortal: FileSystem = {
      ...disk,
      openSync: (...parameters) => {
        if (life.isOver) throw new Error('this process is dead');
        return disk.openSync(...parameters);
      },
    };
    this.#shipper = new Shipper({
      disk: mortal,
      log: silentLog,
      createSink: ({ url }) => this.#newSink(new URL(url).hostname.split('.')[0] ?? '', life),
      onAcknowledged: (containerId, { lsn, durableLsn }) => {
        const log = this.#logs.find((each) => each.log.containerId === containerId);
        if (log === undefined || life.isOver) return;
        const slowest = Math.min(...this.#endpoints.map((one) => ackOf(log.log, one)));
        this.#guard(() => assert.ok(lsn <= slowest, 'I6: what is told is behind every cursor'));
        log.removableLsn = Math.max(log.removableLsn, Math.min(lsn, durableLsn));
      },
      onRejected: (entries) => {
        if (!life.isOver) this.#guard(() => this.#refused(entries));
      },
    });
    this.#plan();
  }

  #newSink(name: string, life: { isOver: boolean }): TestSink {
    const endpoint = this.#endpoints.find(({ key }) => key === name);
    assert.ok(endpoint !== undefined);
    const sink = new TestSink((push) => {
      if (life.isOver) return undefined;
      this.#guard(() => this.#checkUnderWay(sink, push));
      return this.#meet(endpoint, push);
    });
    this.#sinks.set(endpoint.key, sink);
    return sink;
  }

  /** What an endpoint says to a push; what it takes of it is looked at here. */
  #meet(endpoint: Endpoint, push: Push): SendResult | undefined {
    const mood = endpoint.moods.shift() ?? 'ok';
    if (mood === 'hang') return undefined;
    if (mood === 'outage') return outage();
    if (mood === 'limit') return { kind: 'retry', cause: 'limit', reason: '429' };
    if (endpoint.key !== 'picky') {
      this.#guard(() => this.#take(endpoint, push, () => false));
      return delivered;
    }
    if (push.bytes > pickyBytesMax) return { kind: 'too-large', reason: '413', status: 413 };
    const isBad = (text: string): boolean => text.endsWith('7');
    const hasBad = push.streams.some(({ entries }) =>
      entries.some(({ line }) => isBad(line.toString())),
    );
    // As Loki: what is good is stored, whatever the status says.
    this.#guard(() => this.#take(endpoint, push, isBad));
    if (!hasBad) return delivered;
    return { kind: 'rejected', reason: 'entry too far behind', status: 400 };
  }

  #take(endpoint: Endpoint, push: Push, isRefused: (text: string) => boolean): void {
    for (const { labels, entries } of push.streams) {
      const log = this.#logs.find((each) =>
        Object.values(labelsOf(each.log.containerId)).includes(labels),
      );
      assert.ok(log !== undefined, 'I2: a stream of ours');
      const { containerId } = log.log;
      const place = `${containerId} ${labels}`;
      const ackLsn = ackOf(log.log, endpoint);
      const had = endpoint.had.get(containerId) ?? new Set();
      endpoint.had.set(containerId, had);
      for (const entry of entries) {
        const text = entry.line.toString();
        if (text.startsWith('holdfast: ')) continue;
        const line = log.find(text);
        assert.ok(line !== undefined, `I2: nobody printed ${text}`);
        assert.ok(line.endLsn > ackLsn, `I5: ${text} comes again, behind the cursor`);
        const reached = endpoint.reached.get(place) ?? -1;
        // Forward only line by line; back to where the cursor is, and on from there.
        const isNext: boolean = line.index <= reached + 1;
        assert.ok(isNext, `I5: ${text} comes as number ${line.index} after ${reached}`);
        endpoint.reached.set(place, Math.max(reached, line.index));
        if (!isRefused(text)) had.add(text);
      }
    }
  }

  #refused(entries: readonly RejectedEntry[]): void {
    for (const { endpoint: key, labels, line } of entries) {
      assert.equal(key, 'picky');
      const text = line.toString();
      assert.ok(text.endsWith('7'), `I1: ${text} is not one that it refuses`);
      const log = this.#logs.find((each) =>
        Object.values(labelsOf(each.log.containerId)).includes(labels),
      );
      const endpoint = this.#endpoints.find((each) => each.key === key);
      endpoint?.had.get(log?.log.containerId ?? '')?.add(text);
    }
  }

  #checkUnderWay(sink: TestSink, push: Push): void {
    const idsOf = ({ streams }: Push): string[] => streams.map(({ labels }) => labels.slice(0, 7));
    const others = new Set(sink.open.filter((each) => each !== push).flatMap(idsOf));
    const twice = idsOf(push).filter((id) => others.has(id));
    assert.deepEqual(twice, [], 'I5: no container has two pushes under way');
  }

  /** Keeps the first failure for the test; thrown here it would look like one of the endpoint. */
  #guard(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.#failure ??= error instanceof Error ? error : new Error(String(error));
    }
  }
}

function labelsOf(containerId: string): { stdout: string; stderr: string } {
  const name = containerId.slice(0, 2);
  return { stdout: `{c="${name}"}`, stderr: `{c="${name}", e="1"}` };
}

function ackOf({ directory, containerId }: TestLog, { key }: Endpoint): number {
  const id = keys.indexOf(key) + 1;
  return (
    readCursors(disk, directory, containerId).find((one) => one.endpointId === id)?.ackLsn ?? 0
  );
}

/** Seals the oldest segment that is closed. */
function seal({ directory, containerId }: TestLog): void {
  const facts = listSegmentFacts(disk, directory, containerId);
  const closed = facts.slice(0, -1).find(({ kind }) => kind === 'raw');
  if (closed === undefined) return;
  sealSegment(disk, { directory, containerId, sequence: closed.sequence, level: 1 });
}
