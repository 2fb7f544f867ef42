/**
 * One secret: a text, or a file that is read again when it has changed. Nothing here waits for a
 * file that is not a plain one, and no message ever says what is in a file.
 */
import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { errnoOf } from '../base/errors.ts';
import { SettingsError } from './settings-error.ts';
import type { Secret } from './sink.ts';

/** The largest file that is taken for a secret, in bytes. */
export const secretBytesMax = 64 * 1024;
/** A file is looked at again after this time at the earliest, in milliseconds. */
export const secretCheckMs = 1000;

// A file that was written this shortly before it was read may be written again within one tick of
// its time stamp; 2 s is the coarsest tick there is.
const restlessMs = 2000;
const pathLengthMax = 200;

const errnoTexts = new Map([
  ['ENOENT', 'there is no such file; paths are inside of the plugin'],
  ['ENOTDIR', 'there is no such file; paths are inside of the plugin'],
  ['EACCES', 'it may not be read'],
  ['ELOOP', 'its symbolic links go in a circle'],
]);

/** How to read one secret. */
export interface SecretReaderOptions {
  /** What the secret is, for messages: `password`. */
  readonly what: string;
  /** Milliseconds of a clock that never goes back. */
  readonly nowMs?: () => number;
}

/** See the module comment. */
export class SecretReader {
  /** What it is and where it comes from, for messages. */
  readonly label: string;
  readonly #secret: Secret;
  readonly #nowMs: () => number;
  #text: string | undefined;
  #problem: SettingsError | undefined;
  /** What the file was when it was read; '' if it must be read again in any case. */
  #version = '';
  #checkedAtMs = Number.NEGATIVE_INFINITY;
  #checking: Promise<void> | undefined;

  constructor(secret: Secret, options: SecretReaderOptions) {
    this.#secret = secret;
    this.#nowMs = options.nowMs ?? (() => performance.now());
    if (secret.kind === 'text') this.#text = secret.text;
    const where = secret.kind === 'file' ? ` in ${shortened(secret.path)}` : '';
    this.label = `the ${options.what}${where}`;
  }

  /** The secret as it is now; of a file without the line ends at its end. Throws SettingsError. */
  async read(): Promise<string> {
    if (this.#secret.kind === 'file') await this.#refresh(this.#secret.path);
    if (this.#text !== undefined) return this.#text;
    throw this.#problem ?? new SettingsError(`${this.label} was not read`);
  }

  async #refresh(path: string): Promise<void> {
    if (this.#nowMs() - this.#checkedAtMs < secretCheckMs) return;
    // Sends that come meanwhile wait for the same look.
    this.#checking ??= this.#check(path).finally(() => {
      this.#checking = undefined;
      this.#checkedAtMs = this.#nowMs();
    });
    await this.#checking;
  }

  async #check(path: string): Promise<void> {
    try {
      if (this.#version !== '' && versionOf(await stat(path, { bigint: true })) === this.#version) {
        return;
      }
      this.#version = '';
      const { text, version } = await readSecretFile(path);
      this.#text = text;
      this.#version = version;
      this.#problem = undefined;
    } catch (error) {
      this.#text = undefined;
      this.#version = '';
      this.#problem = new SettingsError(`${this.label} cannot be read: ${whyOf(error)}`);
    }
  }
}

/** A file that is there and is no secret; the message says why and nothing of the content. */
class UnfitFile extends Error {}

async function readSecretFile(path: string): Promise<{ text: string; version: string }> {
  // To open a device may do something, and a FIFO would hold a thread until somebody writes.
  if (!(await stat(path)).isFile()) throw new UnfitFile('it is not a file');
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    const stats = await file.stat({ bigint: true });
    if (!stats.isFile()) throw new UnfitFile('it is not a file');
    const bytes = await readUpTo(file, secretBytesMax + 1);
    if (bytes.length > secretBytesMax) {
      throw new UnfitFile(`it is larger than ${secretBytesMax / 1024} KiB`);
    }
    const text = withoutLineEnds(textOf(bytes));
    if (text === '') throw new UnfitFile('it is empty');
    const isRestless = Date.now() - Number(stats.mtimeMs) < restlessMs;
    return { text, version: isRestless ? '' : versionOf(stats) };
  } finally {
    await file.close();
  }
}

/** The size that a file claims is not asked: some file systems claim none. */
async function readUpTo(file: FileHandle, bytesMax: number): Promise<Buffer> {
  const buffer = Buffer.alloc(bytesMax);
  let length = 0;
  while (length < bytesMax) {
    const { bytesRead } = await file.read(buffer, length, bytesMax - length, length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return buffer.subarray(0, length);
}

function textOf(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new UnfitFile('it is not UTF-8 text');
  }
}

function withoutLineEnds(text: string): string {
  let end = text.length;
  while (end > 0 && (text[end - 1] === '\n' || text[end - 1] === '\r')) end -= 1;
  return text.slice(0, end);
}

function versionOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
}

function whyOf(error: unknown): string {
  if (error instanceof UnfitFile) return error.message;
  const code = errnoOf(error);
  return errnoTexts.get(code ?? '') ?? code ?? 'it failed';
}

function shortened(path: string): string {
  return path.length <= pathLengthMax ? path : `${path.slice(0, pathLengthMax)}…`;
}
