/**
 * Random logs for tests of `docker logs`: lines and pieces of both sources, times that go back
 * and forth, blocks down to one byte, small segments, remarks, gaps. And random damage.
 */
import * as fc from 'fast-check';
import { HistoryLog } from './history-log.ts';
import { MemoryDisk } from './memory-disk.ts';

/** One step of writing a log. */
export type LogStep =
  | {
      do: 'frame';
      source: string;
      kind: 'whole' | 'piece' | 'last' | 'old';
      bytes: number;
      stepNs: number;
    }
  | { do: 'flush'; keepBytes: number }
  | { do: 'rotate'; keepBytes: number }
  | { do: 'attach' | 'detach'; tornBytes: number }
  | { do: 'gap'; bytes: number; tornBytes: number }
  | { do: 'word'; keepBytes: number };

/** What becomes of a segment that is complete. */
export type Fate = 'kept' | 'sealed' | 'evicted';

/** A whole log. */
export interface LogPlan {
  segmentBytesMax: number;
  blockSizes: number[];
  steps: LogStep[];
  fates: Fate[];
  /** The share of the stream that retention removed, as far as whole segments allow. */
  removedShare: number;
}

const anyStep: fc.Arbitrary<LogStep> = fc.oneof(
  {
    weight: 14,
    arbitrary: fc.record({
      do: fc.constant('frame' as const),
      source: fc.constantFrom('stdout', 'stdout', 'stderr'),
      kind: fc.constantFrom<('whole' | 'piece' | 'last' | 'old')[]>(
        ...(['whole', 'whole', 'whole', 'piece', 'last', 'old'] as const),
      ),
      bytes: fc.oneof(fc.constant(0), fc.nat({ max: 30 }), fc.constantFrom(126, 127, 128, 900)),
      stepNs: fc.integer({ min: -3, max: 4 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('flush' as const), keepBytes: fc.nat(20) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('rotate' as const), keepBytes: fc.nat(20) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom('attach' as const, 'detach' as const),
      tornBytes: fc.constantFrom(0, 0, 0, 5),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('gap' as const),
      bytes: fc.integer({ min: 1, max: 500 }),
      tornBytes: fc.constantFrom(0, 0, 9),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('word' as const), keepBytes: fc.nat(20) }) },
);

/** Sizes of blocks; `1` alone makes a block of every byte. */
const anyBlockSizes: fc.Arbitrary<number[]> = fc.oneof(
  fc.constantFrom<number[][]>([1], [7], [64, 3], [65_536]),
  fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 5 }),
);

/** Logs in which nothing is given up or removed: all that was written is to come out. */
export const anyWholeLog: fc.Arbitrary<LogPlan> = fc.record({
  segmentBytesMax: fc.constantFrom(300, 2000, 8000, 1 << 20),
  blockSizes: anyBlockSizes,
  steps: fc.array(anyStep, { minLength: 1, maxLength: 50 }),
  fates: fc.array(fc.constantFrom<Fate[]>('kept', 'sealed'), { minLength: 1, maxLength: 6 }),
  removedShare: fc.constant(0),
});

/** Logs of every kind. */
export const anyLog: fc.Arbitrary<LogPlan> = anyWholeLog.chain((plan) =>
  fc.record({
    ...{ segmentBytesMax: fc.constant(plan.segmentBytesMax), steps: fc.constant(plan.steps) },
    blockSizes: fc.constant(plan.blockSizes),
    fates: fc.array(fc.constantFrom<Fate[]>('kept', 'sealed', 'kept', 'evicted'), {
      ...{ minLength: 1, maxLength: 6 },
    }),
    removedShare: fc.constantFrom(0, 0, 0.3, 0.8),
  }),
);

/** Applies steps to a log, one by one. */
export class PlanWriter {
  readonly #log: HistoryLog;
  readonly #blockSizes: readonly number[];
  #number = 0;
  #timeNs = 1_700_000_000_000_000_000n;
  #ids = new Map<string, { id: string; timeNano: bigint }>();

  constructor(log: HistoryLog, blockSizes: readonly number[]) {
    this.#log = log;
    this.#blockSizes = blockSizes;
  }

  take(step: LogStep): void {
    const log = this.#log;
    if (step.do === 'frame') return this.#frame(step);
    if ('tornBytes' in step) log.tear(step.tornBytes);
    log.flush(this.#blockSizes, 'keepBytes' in step ? step.keepBytes : 0);
    if (step.do === 'rotate') log.rotate();
    else if (step.do === 'gap') log.gap(step.bytes);
    else if (step.do === 'word' && log.endLsn > 0) log.gap(0);
    else if (step.do === 'attach') this.#cut(() => log.attach());
    else if (step.do === 'detach') this.#cut(() => log.detach());
  }

  #cut(act: () => void): void {
    act();
    // dockerd begins its lines anew with each FIFO.
    this.#ids.clear();
  }

  #frame({ source, kind, bytes, stepNs }: LogStep & { do: 'frame' }): void {
    this.#number += 1;
    // Steps of half a second, and some nanoseconds: both parts of a time count.
    this.#timeNs += BigInt(stepNs) * 500_000_001n;
    const open = this.#ids.get(source);
    const id = kind === 'old' ? '' : `${this.#number}`.padStart(8, '0');
    const isOwn = kind === 'whole' ? open?.id === '' : (open?.id === '') === (kind === 'old');
    // All pieces of a line have its time.
    const piece = open !== undefined && isOwn ? open : { id, timeNano: this.#timeNs };
    const text = bytes === 0 ? '' : `#${this.#number} ${'x'.repeat(bytes)}`;
    const frame = { source, timeNano: piece.timeNano, line: Buffer.from(text) };
    if (kind === 'whole') {
      this.#ids.delete(source);
      this.#log.frame(frame);
    } else {
      const last = kind === 'last';
      if (last) this.#ids.delete(source);
      else this.#ids.set(source, piece);
      const ids = kind === 'old' ? {} : { id: piece.id, last, ordinal: 1 };
      this.#log.frame({ ...frame, partial: true, ...ids });
    }
  }
}

/** Writes a log and lets its segments have their fates. */
export function writeLog(plan: LogPlan): HistoryLog {
  const log = new HistoryLog(plan.segmentBytesMax, new MemoryDisk());
  const writer = new PlanWriter(log, plan.blockSizes);
  for (const step of plan.steps) writer.take(step);
  log.flush(plan.blockSizes);
  for (const [index, sequence] of log.complete.entries()) {
    const fate = plan.fates[index % plan.fates.length];
    if (fate === 'sealed') log.seal(sequence);
    else if (fate === 'evicted' && log.hasFrames(sequence)) log.evict(sequence);
  }
  if (plan.removedShare > 0) log.removeBefore(Math.floor(log.endLsn * plan.removedShare));
  return log;
}

/** One hurt of a file; places are shares of its length. */
export interface Hurt {
  file: number;
  at: number;
  kind: 'flip' | 'zeros' | 'end' | 'gone';
}

/** Some hurts, few at a time. */
export const anyHurts: fc.Arbitrary<Hurt[]> = fc.array(
  fc.record({
    file: fc.nat({ max: 20 }),
    at: fc.double({ min: 0, max: 0.999, noNaN: true }),
    kind: fc.constantFrom<Hurt['kind'][]>('flip', 'flip', 'zeros', 'end', 'gone'),
  }),
  { minLength: 1, maxLength: 3 },
);

/** Damages files of the log. */
export function hurt(log: HistoryLog, hurts: readonly Hurt[]): void {
  const { disk, directory } = log;
  if (!(disk instanceof MemoryDisk)) throw new Error('only a disk in memory is hurt');
  for (const { file, at, kind } of hurts) {
    const names = disk.readdirSync(directory).toSorted();
    const name = names[file % Math.max(1, names.length)];
    if (name === undefined) return;
    const path = `${directory}/${name}`;
    const bytes = disk.readFileSync(path);
    if (bytes.length === 0) continue;
    const place = Math.floor(bytes.length * at);
    if (kind === 'gone') disk.unlinkSync(path);
    else if (kind === 'end') disk.plant(path, bytes.subarray(0, place));
    else if (kind === 'zeros')
      disk.plant(path, bytes.fill(0, place, Math.min(bytes.length, place + 200)));
    else disk.plant(path, bytes.fill((bytes[place] ?? 0) ^ 4, place, place + 1));
  }
}
