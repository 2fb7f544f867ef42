/**
 * A pipeline with memory on a real engine whose plugin is killed again and again while a container
 * prints: what the endpoint has at the end is, entry for entry, what the same stages make of the
 * same log undisturbed, and what they have to make of what was printed.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Engine } from '../../scripts/lib/engine.ts';
import { LokiDouble } from '../helpers/loki-double/loki-double.ts';
import { runArgs } from './helpers/containers.ts';
import { release, until } from './helpers/logs-checks.ts';
import { scrape, sumOf } from './helpers/metrics.ts';
import { Plugin } from './helpers/plugin.ts';

const kills = 4;
const name = 'killed';
/** Fewer than this would be no load. Each block has a first line and two of a trace. */
const blocksMin = 1500;
const portion = 20;
const portionMs = 80;
/** An hour ago, which Loki takes. */
const beginSeconds = Math.floor(Date.now() / 1000) - 3600;
const levels = ['debug', 'info', 'error'] as const;

/** Only what says debug is limited, so that all else has to arrive. */
const stages = `
- multiline: { firstline: '^\\[', max_wait_time: 3s }
- regex: { expression: '^\\[(?P<at>[^\\]]+)\\] (?P<level>\\w+) ' }
- labels: { level: }
- timestamp: { source: at, format: '2006-01-02 15:04:05.000' }
- match:
    selector: '{level="debug"}'
    stages:
      - limit: { rate: 20, burst: 30, drop: true }
`;

interface Block {
  readonly level: (typeof levels)[number];
  readonly ms: number;
  readonly text: string;
}

/**
 * What block `i` says, which the program below prints: six share a time, two of each level, so that
 * there are equal ones with equal times; those of each fiftieth time come five seconds late.
 */
function blockOf(i: number): Block {
  const tick = Math.floor(i / 6);
  const seconds = beginSeconds + Math.floor(tick / 10) - (tick % 50 === 49 ? 5 : 0);
  const ms = seconds * 1000 + (tick % 10) * 100;
  const level = levels[i % 3] ?? 'debug';
  const at = new Date(ms).toISOString().slice(0, 23).replace('T', ' ');
  return { level, ms, text: `[${at}] ${level} block ${tick}\n  at a (${tick})\n  at b` };
}

/** Prints until it is told to end, and says on stderr how many blocks that were. */
const program = `BEGIN{
  split("debug info error", levels, " ")
  for (i = 0; i % ${portion} > 0 || system("[ -e /end ]"); i++) {
    tick = int(i / 6)
    seconds = ${beginSeconds} + int(tick / 10) - (tick % 50 == 49 ? 5 : 0)
    at = strftime("%Y-%m-%d %H:%M:%S", seconds) "." tick % 10 "00"
    print "[" at "] " levels[i % 3 + 1] " block " tick "\\n  at a (" tick ")\\n  at b"
    if (i % ${portion} == 0) { fflush(); system("usleep ${portionMs * 1000}") }
  }
  print i > "/dev/stderr"
}`;

describe('a pipeline under kills', () => {
  const engine = new Engine();
  const plugin = new Plugin(engine);
  const disturbed = new LokiDouble();
  /** Away until all is over: then it gets the whole log from one process. */
  const calm = new LokiDouble();
  let blocks: number;

  before(async () => {
    await Promise.all([disturbed.start(), calm.start()]);
    await engine.start();
    await engine.importTestImage();
    await plugin.create({ LOKI_MAX_BACKOFF: '1s', LOKI_BATCH_WAIT: '100ms' });
    await calm.setMode({ kind: 'down' });
    // Some of what it has it has to get again, whether a kill comes between or not.
    await disturbed.setMode({ kind: 'cut', at: 'answer', everyNth: 3 });
    const urls = { 'loki-url.disturbed': disturbed.url, 'loki-url.calm': calm.url };
    const logOpts = { ...urls, 'loki-pipeline-stages': stages };
    await engine.docker(...runArgs(name, { logOpts }), 'awk', program);
    for (let kill = 0; kill < kills; kill += 1) await killUnderLoad();
    await disturbed.waitFor((double) => double.entries > blocksMin, 60_000);
    await release(engine, name, 'end');
    await engine.docker('wait', name);
    await calm.setMode({ kind: 'up' });
    await plugin.drained(name);
    const [count] = calm.lines({ source: 'stderr' });
    blocks = Number(count?.line);
  });

  after(async () => {
    await engine.dispose();
    await Promise.all([disturbed.stop(), calm.stop()]);
  });

  /** Kills the plugin once a process of its own has delivered something, and waits for the next. */
  async function killUnderLoad(): Promise<void> {
    const pid = await plugin.started();
    const had = disturbed.entries;
    await disturbed.waitFor((double) => double.entries >= had + 50, 30_000);
    await plugin.dialed(pid);
    plugin.kill(pid);
    await plugin.restarted(pid);
  }

  /** All that an endpoint has, one text an entry. */
  const entriesOf = (double: LokiDouble): string[] =>
    [...double.lines()]
      .map(({ timestampNs, line, stream, metadata }) =>
        [timestampNs, stream.labels.text, JSON.stringify(metadata), line.toString()].join(' '),
      )
      .sort();

  it('gives the same entries as undisturbed, to the nanosecond', () => {
    assert.ok(disturbed.counts().duplicates > 0, 'nothing was sent again');
    const [got, wanted] = [entriesOf(disturbed), entriesOf(calm)];
    assert.equal(calm.counts().duplicates, 0);
    const [inGot, inWanted] = [new Set(got), new Set(wanted)];
    const surplus = got.filter((entry) => !inWanted.has(entry)).slice(0, 5);
    const missing = wanted.filter((entry) => !inGot.has(entry)).slice(0, 5);
    assert.deepEqual({ surplus, missing }, { surplus: [], missing: [] });
    assert.deepEqual(got, wanted);
  });

  it('loses no line, and equal ones with equal times are all there', () => {
    const printed = Array.from({ length: blocks }, (_, i) => blockOf(i));
    for (const level of ['info', 'error'] as const) {
      const wanted = printed.filter((block) => block.level === level);
      const found = [...disturbed.lines({ level })].map(({ line, timestampNs }) => ({
        ...{ level, ms: Number(timestampNs / 1_000_000n), text: line.toString() },
      }));
      const byText = (a: Block, b: Block): number => (a.text < b.text ? -1 : 1);
      assert.deepEqual(found.sort(byText), wanted.sort(byText));
    }
  });

  it('drops what is too much, and counts it: printed is delivered and dropped', async () => {
    const debug = disturbed.count({ level: 'debug' });
    assert.ok(debug > 0 && debug < Math.floor(blocks / 3), `${debug} of ${blocks / 3} are there`);
    const entries = blocks + 1;
    await until('the figures of the last process are there', async () => {
      const samples = await scrape();
      const delivered = sumOf(samples, 'delivery_entries_total', 'calm');
      const dropped = sumOf(samples, 'delivery_dropped_lines_total', 'calm');
      return delivered === calm.entries && delivered + dropped === entries;
    });
  });
});
