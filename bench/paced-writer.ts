/**
 * Child process of benchmarks: writes real text into a FIFO, frame by frame as dockerd does, at
 * a fixed pace, and notes how long each write had to wait. Prints one JSON line.
 * Arguments: path, lines a second, seconds.
 */
import fs from 'node:fs';
import { buildMixedText } from './texts.ts';

const [path = '', linesPerSecond = '100000', seconds = '15'] = process.argv.slice(2);
const { bytes, frames, starts } = buildMixedText(2_000_000, Date.now());
const rate = Number(linesPerSecond) / 1000;
const endMs = Number(seconds) * 1000;
const sleeper = new Int32Array(new SharedArrayBuffer(4));

const fd = fs.openSync(path, 'w');
let done = 0;
let doneBytes = 0;
let longestWaitMs = 0;
let waitsOver10Ms = 0;
const startedMs = performance.now();
let nowMs = startedMs;
while (nowMs - startedMs < endMs) {
  const due = Math.floor((nowMs - startedMs) * rate);
  for (; done < due; done += 1) {
    const at = done % frames;
    const from = starts[at] ?? 0;
    const length = (starts[at + 1] ?? from) - from;
    const beforeMs = performance.now();
    // The pipe is a blocking one: this takes as long as nobody makes room in it.
    fs.writeSync(fd, bytes, from, length);
    const tookMs = performance.now() - beforeMs;
    longestWaitMs = Math.max(longestWaitMs, tookMs);
    if (tookMs > 10) waitsOver10Ms += 1;
    doneBytes += length;
  }
  Atomics.wait(sleeper, 0, 0, 1);
  nowMs = performance.now();
}
fs.closeSync(fd);
const tookSeconds = (nowMs - startedMs) / 1000;
console.log(
  JSON.stringify({
    lines: done,
    bytes: doneBytes,
    seconds: tookSeconds,
    linesPerSecond: done / tookSeconds,
    longestWaitMs,
    waitsOver10Ms,
  }),
);
