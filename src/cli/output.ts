/**
 * The one way out: standard output and standard error. It never holds more than what one call
 * hands over: who writes waits until that is written. No colours. A reader that went away ends
 * the command quietly, a disk that is full does not.
 */
import fs from 'node:fs';
import { errnoOf, messageOf } from '../base/errors.ts';
import { CliError, exitCode } from './exit-codes.ts';

/** Standard output was closed by who reads it: nobody wants the rest. */
export class OutputClosed extends Error {}

/** Where a command writes to. */
export interface Output {
  /** Whether standard error is a terminal. */
  readonly isTerminal: boolean;
  /** Writes bytes to standard output. They may be used again when this has resolved. */
  write(bytes: Uint8Array): Promise<void>;
  /** Writes a line to standard output. */
  line(text: string): Promise<void>;
  /** Writes one object to standard output, on a line of its own. */
  json(value: unknown): Promise<void>;
  /** Tells people something, on standard error. Never rejects: who hears it is not known. */
  tell(text: string): Promise<void>;
}

/** Output of the process. */
export function processOutput(): Output {
  const { stdout, stderr } = process;
  // Somebody who reads no messages must not end the command.
  stderr.on('error', () => {});
  stdout.on('error', () => {});
  const isFile = fs.fstatSync(1).isFile();
  const write = (bytes: Uint8Array): Promise<void> =>
    isFile ? writeToFile(bytes) : writeToStream(stdout, bytes);
  const line = (text: string): Promise<void> => write(Buffer.from(`${text}\n`, 'utf8'));
  return {
    isTerminal: stderr.isTTY,
    write,
    line,
    json: (value) => line(JSON.stringify(value)),
    tell: (text) => writeToStream(stderr, Buffer.from(`${text}\n`, 'utf8')).catch(() => {}),
  };
}

/** A file takes all or says why not; Node's stream for it passes over a short write. */
async function writeToFile(bytes: Uint8Array): Promise<void> {
  try {
    for (let at = 0; at < bytes.length; ) at += fs.writeSync(1, bytes, at);
  } catch (error) {
    throw failureOf(error);
  }
}

function writeToStream(stream: NodeJS.WritableStream, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(bytes, (error) => {
      if (error === null || error === undefined) resolve();
      else reject(failureOf(error));
    });
  });
}

function failureOf(error: unknown): Error {
  const errno = errnoOf(error) ?? '';
  if (['EPIPE', 'ECONNRESET', 'ERR_STREAM_DESTROYED'].includes(errno)) return new OutputClosed();
  const text = `standard output cannot be written: ${messageOf(error)}`;
  return new CliError(exitCode.error, text, { cause: error });
}
