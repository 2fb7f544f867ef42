/**
 * What tests of `docker logs` look at: numbered lines, stamps of lines, files of a container's
 * log, and an answer of the engine's API that is read as slowly as a test wants.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import { setTimeout } from 'node:timers/promises';
import type { Engine } from '../../../scripts/lib/engine.ts';
import type { Plugin } from './plugin.ts';

/** A part of a shell program: goes on when `release` was called with the same name. */
export function waitFor(gate: string): string {
  return `while [ ! -e /${gate} ]; do usleep 20000; done`;
}

/** Lets a container go on at `waitFor(gate)`. */
export async function release(engine: Engine, name: string, gate: string): Promise<void> {
  await engine.docker('exec', name, 'sh', '-c', `: > /${gate}`);
}

/** Waits until a condition holds; throws when it does not within the time. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 30_000,
): Promise<void> {
  const startedMs = performance.now();
  while (!(await condition())) {
    if (performance.now() - startedMs > timeoutMs) throw new Error(`waited in vain until ${what}`);
    await setTimeout(20);
  }
}

/** The numbers of lines such as `n 17 …`, in order; with stamps before them or without. */
export function numbersIn(text: string): number[] {
  return [...text.matchAll(/^(?:\d\S*Z )?n (\d+)/gm)].map(([, number]) => Number(number));
}

/** Fails unless these are all the numbers from `first` to `last`, each once and in order. */
export function assertRange(numbers: readonly number[], first: number, last: number): void {
  const wrong = numbers.findIndex((number, index) => number !== first + index);
  const around = numbers.slice(Math.max(0, wrong - 2), wrong + 3).join();
  assert.equal(wrong, -1, `number ${wrong} of ${numbers.length} is wrong: …${around}…`);
  assert.equal(numbers.length, last - first + 1, `from ${numbers[0]} to ${numbers.at(-1)}`);
}

/** The stamps that `docker logs --timestamps` put before lines. */
export function stampsIn(text: string): string[] {
  return [...text.matchAll(/^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z) /gm)].map(
    ([, stamp]) => stamp ?? '',
  );
}

/** Unix milliseconds of a stamp. */
export function stampMs(stamp: string): number {
  return Date.parse(`${stamp.slice(0, 23)}Z`);
}

/** Where the log of a container is on the host. */
export async function logDirectory(engine: Engine, plugin: Plugin, name: string): Promise<string> {
  const id = await engine.docker('inspect', '--format', '{{.Id}}', name);
  return `${await plugin.statePath()}/wal/c/${id.slice(0, 2)}/${id}`;
}

/** Segments in a directory, raw (`.w`) or sealed (`.z`), oldest first. */
export function segmentsIn(directory: string, ending: '.w' | '.z'): string[] {
  return fs
    .readdirSync(directory)
    .filter((file) => file.endsWith(ending))
    .sort();
}

/** Bytes of all files in a directory; those that go meanwhile count nothing. */
export function bytesIn(directory: string): number {
  return fs
    .readdirSync(directory)
    .map((file) => fs.statSync(`${directory}/${file}`, { throwIfNoEntry: false })?.size ?? 0)
    .reduce((sum, bytes) => sum + bytes, 0);
}

/** A followed log over the engine's API, of which nothing is read before `resume`. */
export class PausedLogs {
  stdout = '';
  stderr = '';
  readonly #response: http.IncomingMessage;
  #rest = Buffer.alloc(0);

  private constructor(response: http.IncomingMessage) {
    this.#response = response;
  }

  /** Asks for all of a container's log and what will come; resolves with the head of the answer. */
  static async open(engine: Engine, name: string): Promise<PausedLogs> {
    const path = `/containers/${name}/logs?follow=1&stdout=1&stderr=1`;
    const request = http.get({ socketPath: engine.socketPath, path, agent: false });
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    assert.equal(response.statusCode, 200);
    response.pause();
    return new PausedLogs(response);
  }

  /** Reads all to the end of the answer; throws when that does not come within the time. */
  async resume(timeoutMs = 60_000): Promise<void> {
    this.#response.on('data', (chunk: Buffer) => this.#take(chunk));
    const ended = once(this.#response, 'end').then(() => 'ended' as const);
    const late = setTimeout(timeoutMs, 'late' as const, { ref: false });
    // One that was paused by its owner does not flow by itself.
    this.#response.resume();
    if ((await Promise.race([ended, late])) === 'late') {
      this.#response.destroy();
      throw new Error(`the log does not end; ${this.stdout.length} bytes came`);
    }
    assert.equal(this.#rest.length, 0, 'the answer ends amid a frame');
  }

  /** Lets go of it, also when its test failed before its end. */
  [Symbol.dispose](): void {
    this.#response.destroy();
  }

  /** Takes apart what comes: a stream's number, three zero bytes, a length, and the bytes. */
  #take(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (this.#rest.length - at >= 8) {
      const end = at + 8 + this.#rest.readUInt32BE(at + 4);
      if (end > this.#rest.length) break;
      const text = this.#rest.toString('latin1', at + 8, end);
      if (this.#rest[at] === 2) this.stderr += text;
      else this.stdout += text;
      at = end;
    }
    this.#rest = this.#rest.subarray(at);
  }
}
