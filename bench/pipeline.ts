/**
 * Lines a second through pipelines, on one thread: from a written log through frames, stages,
 * labels, protobuf and snappy, without an endpoint. Prints one JSON line: whole pipelines, and
 * what one stage adds to a line. Arguments: lines (300000), rounds (3).
 *
 * Pipelines are interleaved, and the best round of each counts: a machine's speed drifts.
 */
import { nodeFileSystem as disk } from '../src/base/file-system.ts';
import { silentLog } from '../src/base/log.ts';
import { BufferPool } from '../src/encode/buffer-pool.ts';
import { PushBatch } from '../src/encode/push-batch.ts';
import { compressBlock } from '../src/encode/snappy.ts';
import type { LabelPair, PipelineText } from '../src/pipeline/plan.ts';
import { Batch } from '../src/shipper/batch.ts';
import { StreamSource } from '../src/shipper/stream-source.ts';
import { Quarantine, SegmentFiles, StreamReader } from '../src/wal/index.ts';
import { type TestLog, TestWal } from '../test/helpers/log-writer.ts';
import { encodeFrame } from './frames.ts';

const [lines = '300000', rounds = '3'] = process.argv.slice(2);

const levels = ['info', 'info', 'info', 'info', 'debug', 'warn', 'error'];

/** Kinds of line, each about 150 bytes long. */
const texts: Readonly<Record<string, (index: number) => string>> = {
  json: (index) =>
    JSON.stringify({
      level: levels[index % levels.length],
      time: 1_764_000_000_000 + index,
      msg: 'request completed',
      method: 'GET',
      url: `/v1/orders/${index * 7919}`,
      status: 200,
      durationMs: (index % 977) / 10,
      req: { id: `r-${index}` },
    }),
  logfmt: (index) =>
    `ts=${new Date(1_764_000_000_000 + index).toISOString()} level=${levels[index % levels.length]} caller=orders.go:118 msg="request completed" method=GET url=/v1/orders/${index * 7919} status=200`,
  trace: (index) =>
    index % 8 === 0
      ? `2026-11-29 12:00:00,${index % 1000} ERROR [http-nio-8080-exec-${index % 10}] c.e.orders.OrderService - order ${index} failed: java.lang.IllegalStateException: no stock left`
      : `\tat com.example.orders.stock.StockClient$Reservation.reserve(StockClient.java:${index % 400}) ~[orders-1.4.2.jar!/:1.4.2] (inlined by the compiler)`,
};

const json = '- json: {expressions: {level: , status: , id: req.id}}\n';
const labels = '- labels: {level: }\n';
const regex =
  "- regex: {expression: '^ts=(?P<ts>\\S+) level=(?P<level>\\w+) caller=(?P<caller>\\S+)'}\n";

interface Case {
  readonly text: string;
  readonly stages?: string;
  readonly more?: Partial<PipelineText>;
}

/** Pipelines of the goals, then each stage beside the pipeline that it is added to. */
const cases: Readonly<Record<string, Case>> = {
  none: { text: 'json' },
  'json + labels': { text: 'json', stages: json + labels },
  'regex + labels + timestamp': {
    text: 'logfmt',
    stages: `${regex}${labels}- timestamp: {source: ts, format: RFC3339Nano}\n`,
  },
  multiline: { text: 'trace', stages: "- multiline: {firstline: '^\\d{4}-'}\n" },
  'multiline-pattern': { text: 'trace', more: { multilinePattern: '^\\d{4}-' } },
  'loki-level': { text: 'json', more: { level: 'label' } },
};

const single: Readonly<Record<string, { text: string; stage: string; behind?: string }>> = {
  json: { text: 'json', stage: json },
  logfmt: { text: 'logfmt', stage: '- logfmt: {mapping: {level: , status: }}\n' },
  regex: { text: 'logfmt', stage: regex },
  labels: { text: 'json', stage: labels, behind: json },
  static_labels: { text: 'json', stage: '- static_labels: {team: web}\n' },
  structured_metadata: { text: 'json', stage: '- structured_metadata: {id: }\n', behind: json },
  template: {
    text: 'json',
    stage: "- template: {source: level, template: '{{ ToUpper .Value }}'}\n",
    behind: json,
  },
  output: { text: 'json', stage: '- output: {source: id}\n', behind: json },
  replace: { text: 'json', stage: "- replace: {expression: '(GET)', replace: 'got'}\n" },
  match: {
    text: 'json',
    stage: `- match: {selector: '{source="stdout"} |= "GET"', stages: [{static_labels: {team: web}}]}\n`,
  },
  drop: { text: 'json', stage: "- drop: {expression: 'no such text'}\n" },
  limit: { text: 'json', stage: '- limit: {rate: 1000000000, burst: 1000000000, drop: true}\n' },
  sampling: { text: 'json', stage: '- sampling: {rate: 0.999}\n' },
  decolorize: { text: 'json', stage: '- decolorize: {}\n' },
  pack: { text: 'json', stage: '- pack: {labels: [source]}\n' },
  tenant: { text: 'json', stage: '- tenant: {value: team}\n' },
  metrics: {
    text: 'json',
    stage: '- metrics: {lines: {type: Counter, config: {match_all: true, action: inc}}}\n',
  },
};

const wal = new TestWal();
await wal.open();
const logs = new Map<string, TestLog>();
for (const [index, [kind, text]] of Object.entries(texts).entries()) {
  const log = await wal.log(String(index).padStart(64, '0'), 16 << 20);
  log.attach();
  const timeNs = BigInt(Date.now()) * 1_000_000n;
  const frames = Array.from({ length: Number(lines) }, (_, at) =>
    encodeFrame('stdout', timeNs + BigInt(at) * 1000n, Buffer.from(text(at))),
  );
  log.write(Buffer.concat(frames));
  log.close();
  logs.set(kind, log);
}

/** Seconds that one thread takes for all lines of a kind. */
function secondsOf({ text, stages, more }: Case): number {
  const log = logs.get(text);
  if (log === undefined) throw new Error(`no text ${text}`);
  const { directory, containerId, committed } = log;
  const files = new SegmentFiles(disk);
  const quarantine = new Quarantine(disk, directory);
  const stdout: LabelPair[] = [
    ['container_name', 'orders'],
    ['host', 'node-1'],
    ['source', 'stdout'],
  ];
  const source = new StreamSource({
    ...{ containerId, directory, committed, log: silentLog, budget: { heldBytes: 0 } },
    reader: new StreamReader({ disk, directory, containerId, files, quarantine }),
    runs: [{ fromLsn: 0, labels: { stdout, stderr: stdout }, metadata: [] }],
    pipeline: { level: 'off', dropBlank: false, ...more, ...(stages && { stages }) },
    lines: { maxLineBytes: 256 * 1024, longLines: 'truncate' },
    start: { lsn: 0, ordinal: 0 },
  });
  const pool = new BufferPool();
  const spare: PushBatch[] = [];
  const began = performance.now();
  while (!source.isReadUp) {
    const batch = new Batch(1 << 20, pool, () => spare.pop() ?? new PushBatch());
    fillWhole(source, batch);
    source.takeNotes();
    spare.push(...batch.close());
    for (const { request } of batch.requests) compressBlock(request);
    batch.free();
  }
  files.closeDirectory(directory);
  return (performance.now() - began) / 1000;
}

/** Fills a batch in turns, as a queue does. */
function fillWhole(source: StreamSource, batch: Batch): void {
  while (source.fill(batch, 128 * 1024, 0) === 'turn');
}

const all = new Map<string, Case>(Object.entries(cases));
for (const [name, { text, stage, behind = '' }] of Object.entries(single)) {
  all.set(`with ${name}`, { text, stages: behind + stage });
  // A stage that does nothing stands for the way through a pipeline.
  const nothing = behind === '' ? '- labeldrop: [nothing]\n' : behind;
  all.set(`without ${name}`, { text, stages: nothing });
}

const best = new Map<string, number>();
for (let round = 0; round <= Number(rounds); round += 1) {
  for (const [name, each] of all) {
    const seconds = secondsOf(each);
    // The first round warms up.
    if (round > 0) best.set(name, Math.min(seconds, best.get(name) ?? Number.POSITIVE_INFINITY));
  }
}
wal.remove();

const secondsFor = (name: string): number => best.get(name) ?? Number.NaN;
const linesPerSecond = Object.fromEntries(
  Object.keys(cases).map((name) => [name, Math.round(Number(lines) / secondsFor(name))]),
);
const stageNanoseconds = Object.fromEntries(
  Object.keys(single).map((name) => {
    const added = secondsFor(`with ${name}`) - secondsFor(`without ${name}`);
    return [name, Math.round((added / Number(lines)) * 1e9)];
  }),
);
console.log(
  JSON.stringify({ bench: 'pipeline', lines: Number(lines), linesPerSecond, stageNanoseconds }),
);
