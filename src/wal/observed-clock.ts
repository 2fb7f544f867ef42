/**
 * The clock by which ages count: it runs only while the process runs. A wall clock that jumps,
 * or a host that was off for a month, makes nothing old. It begins at the wall time of the first
 * start, so that its times look like times.
 */
import * as z from 'zod';
import { type FileSystem, replaceFile } from '../base/file-system.ts';

const fileName = 'clock';
const fileSchema = z
  .object({
    version: z.literal(1),
    observedMs: z.int().nonnegative(),
    countFromMs: z.int().nonnegative(),
  })
  .refine(({ observedMs, countFromMs }) => countFromMs <= observedMs);

/** The clocks that it is made of, in milliseconds. */
export interface ClockSources {
  /** Unix time; may jump. */
  wallMs: () => number;
  /** Never goes back. */
  monotonicMs: () => number;
}

/** See the module comment. One per WAL directory. */
export class ObservedClock {
  readonly #disk: FileSystem;
  readonly #root: string;
  readonly #monotonicMs: () => number;
  readonly #beganAtMs: number;
  readonly #observedMs: number;
  /** Nothing counts as older than since this: before it, nobody knows how long it was. */
  readonly countFromMs: number;

  /** Goes on where the former process saved. A file that is damaged or gone is begun anew. */
  constructor(disk: FileSystem, root: string, sources: ClockSources) {
    this.#disk = disk;
    this.#root = root;
    this.#monotonicMs = sources.monotonicMs;
    this.#beganAtMs = sources.monotonicMs();
    const saved = readSaved(disk, root);
    this.#observedMs = saved?.observedMs ?? Math.round(sources.wallMs());
    this.countFromMs = saved?.countFromMs ?? this.#observedMs;
  }

  /** Observed time in whole milliseconds. */
  now(): number {
    return Math.round(this.#observedMs + Math.max(0, this.#monotonicMs() - this.#beganAtMs));
  }

  /** Writes it down. Returns false when the disk refuses: the next start is a little younger. */
  save(): boolean {
    const content = { version: 1, observedMs: this.now(), countFromMs: this.countFromMs };
    try {
      replaceFile(this.#disk, this.#root, fileName, Buffer.from(`${JSON.stringify(content)}\n`));
      return true;
    } catch {
      return false;
    }
  }
}

function readSaved(disk: FileSystem, root: string): z.infer<typeof fileSchema> | undefined {
  try {
    const text = disk.readFileSync(`${root}/${fileName}`).toString('utf8');
    return fileSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
