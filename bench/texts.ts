/**
 * Texts for benchmarks: six kinds of log as real programs write them, in dockerd's frames. The
 * same on every machine. Ids, addresses, times and sizes are as random as they are in life:
 * what compresses here must not compress better than the logs of real systems do.
 */
import { encodeFrame } from '../test/helpers/frames.ts';
import { Dice, type Program } from './texts/dice.ts';
import { json } from './texts/json.ts';
import { logfmt } from './texts/logfmt.ts';
import { nginx } from './texts/nginx.ts';
import { postgres } from './texts/postgres.ts';
import { spring } from './texts/spring.ts';
import { syslog } from './texts/syslog.ts';

/** The kinds by name. */
export const textKinds: Readonly<Record<string, Program>> = {
  nginx,
  json,
  spring,
  postgres,
  syslog,
  logfmt,
};

/** A stream as dockerd would write it. */
export interface TextLoad {
  /** Whole frames, one behind the other. */
  bytes: Buffer;
  frames: number;
  /** Where each frame starts, and the end of the last. */
  starts: number[];
  /** Bytes of the lines alone. */
  lineBytes: number;
}

/** Makes at least so many bytes of stream, beginning at this time. */
export function buildText(program: Program, bytes: number, seed: number, fromMs: number): TextLoad {
  const dice = new Dice(seed);
  const { rate, event } = program(dice);
  const parts: Buffer[] = [];
  const starts = [0];
  let total = 0;
  let lineBytes = 0;
  let atMs = fromMs;
  while (total < bytes) {
    atMs += dice.exponential(1000 / rate);
    let timeNano = BigInt(Math.floor(atMs * 1000)) * 1000n + BigInt(dice.int(0, 999));
    for (const text of event(atMs)) {
      const line = Buffer.from(text);
      // dockerd takes the time of each line by itself.
      timeNano += BigInt(dice.int(2000, 40_000));
      const frame = encodeFrame({ source: 'stdout', timeNano, line });
      parts.push(frame);
      total += frame.length;
      lineBytes += line.length;
      starts.push(total);
    }
  }
  return { bytes: Buffer.concat(parts), frames: parts.length, starts, lineBytes };
}

/** All kinds in turn, `bytes` of each: for benchmarks of a whole driver. */
export function buildMixedText(bytes: number, fromMs: number): TextLoad {
  const loads = Object.values(textKinds).map((program, index) =>
    buildText(program, bytes, index + 1, fromMs),
  );
  const starts: number[] = [];
  let total = 0;
  for (const load of loads) {
    for (const start of load.starts.slice(0, -1)) starts.push(total + start);
    total += load.bytes.length;
  }
  return {
    bytes: Buffer.concat(loads.map((load) => load.bytes)),
    frames: loads.reduce((sum, { frames }) => sum + frames, 0),
    starts: [...starts, total],
    lineBytes: loads.reduce((sum, load) => sum + load.lineBytes, 0),
  };
}

if (import.meta.main) {
  // To look at them: `node bench/texts.ts nginx`.
  const [kind = 'nginx', lines = '20'] = process.argv.slice(2);
  const dice = new Dice(1);
  const program = textKinds[kind];
  if (program === undefined) throw new Error(`there is ${Object.keys(textKinds).join(', ')}`);
  const { rate, event } = program(dice);
  for (let line = 0, atMs = 1.79e12; line < Number(lines); line += 1) {
    atMs += dice.exponential(1000 / rate);
    for (const text of event(atMs)) console.log(text);
  }
}
