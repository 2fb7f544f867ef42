/**
 * Sealing alone, on one thread: how small real texts get, and how fast. Verifying and syncing
 * are included. Prints one JSON line. Arguments: megabytes of each kind of text (32).
 */
import fs from 'node:fs';
import { nodeFileSystem as disk } from '../src/base/file-system.ts';
import { sealSegment, type ZstdLevel } from '../src/wal/index.ts';
import { TestWal } from '../test/helpers/log-writer.ts';
import { buildText, type TextLoad, textKinds } from './texts.ts';

const [megabytes = '32'] = process.argv.slice(2);
const levels: readonly ZstdLevel[] = [3, 1];
/** What one read of a FIFO takes at 100,000 lines a second, with 1 ms between reads. */
const blockBytes = 20_000;
const segmentBytesMax = 16 << 20;
/** Always the same text, so that sizes can be compared. */
const textFromMs = 1_790_000_000_000;

interface Sealed {
  /** Bytes of all files of the log, over those of the stream. */
  ratio: number;
  seconds: number;
  cpuSeconds: number;
}

/** Writes a log as capture does, seals all of it, and looks at its files. */
async function sealAll(text: TextLoad, level: ZstdLevel, cutAt: number): Promise<Sealed> {
  const wal = new TestWal();
  try {
    await wal.open();
    const log = await wal.log('5ea1'.padStart(64, '0'), segmentBytesMax);
    log.attach();
    log.write(text.bytes, cutAt);
    log.detach();
    log.close();
    const { directory, containerId } = log;
    const startedMs = performance.now();
    const startedCpu = process.cpuUsage();
    for (const name of fs.readdirSync(directory)) {
      const sequence = Number(name.slice(0, -'.w'.length));
      const sealed = sealSegment(disk, { directory, containerId, sequence, level });
      if (sealed === undefined) throw new Error(`${name} was not sealed`);
    }
    const seconds = (performance.now() - startedMs) / 1000;
    const cpu = process.cpuUsage(startedCpu);
    const names = fs.readdirSync(directory);
    if (!names.every((name) => name.endsWith('.z'))) throw new Error(`left: ${names.join()}`);
    const stored = names.reduce((sum, name) => sum + fs.statSync(`${directory}/${name}`).size, 0);
    const cpuSeconds = (cpu.user + cpu.system) / 1e6;
    return { ratio: stored / text.bytes.length, seconds, cpuSeconds };
  } finally {
    wal.remove();
  }
}

/** Sums over all kinds at one level. */
class Total {
  #lines = 0;
  #bytes = 0;
  #seconds = 0;
  #cpuSeconds = 0;
  readonly #ratios: Record<string, number> = {};

  add(kind: string, text: TextLoad, sealed: Sealed): void {
    this.#lines += text.frames;
    this.#bytes += text.bytes.length;
    this.#seconds += sealed.seconds;
    this.#cpuSeconds += sealed.cpuSeconds;
    this.#ratios[kind] = sealed.ratio;
  }

  summary(): object {
    const ratios = Object.values(this.#ratios);
    return {
      ratio: ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length,
      kinds: this.#ratios,
      linesPerSecond: this.#lines / this.#seconds,
      linesPerCpuSecond: this.#lines / this.#cpuSeconds,
      megabytesPerSecond: this.#bytes / 1e6 / this.#seconds,
      bytesPerLine: this.#bytes / this.#lines,
    };
  }
}

const totals = new Map(levels.map((level) => [level, new Total()]));
/** The same stream from a container so quiet that each line is a block of its own. */
const single = new Total();
let isWarm = false;
for (const [index, [kind, program]] of Object.entries(textKinds).entries()) {
  const text = buildText(program, Number(megabytes) * 1e6, index + 1, textFromMs);
  // The first run compiles and loads; it does not count.
  if (!isWarm) await sealAll(text, 3, blockBytes);
  isWarm = true;
  for (const level of levels) {
    totals.get(level)?.add(kind, text, await sealAll(text, level, blockBytes));
  }
  single.add(kind, text, await sealAll(text, 3, Math.round(text.bytes.length / text.frames)));
}
console.log(
  JSON.stringify({
    bench: 'seal',
    megabytes: Number(megabytes),
    level3: totals.get(3)?.summary(),
    level1: totals.get(1)?.summary(),
    level3OneLineBlocks: single.summary(),
  }),
);
