/** Frames for benchmarks: numbered lines of one length, as dockerd would write them. */
import { randomBytes } from 'node:crypto';

/** One run of frames, ready to be written again and again. */
export interface FrameLoad {
  bytes: Buffer;
  frames: number;
}

/** Builds `frames` frames with lines of `lineBytes` bytes: readable ones, or such that nothing compresses. */
export function buildFrames(frames: number, lineBytes: number, kind = 'text'): FrameLoad {
  const timeNs = BigInt(Date.now()) * 1_000_000n;
  const parts: Buffer[] = [];
  for (let index = 0; index < frames; index += 1) {
    if (kind === 'random') {
      parts.push(encodeFrame('stdout', timeNs + BigInt(index), randomBytes(lineBytes)));
      continue;
    }
    const text = `${index} GET /api/items/${index * 7919} 200 ${index % 977}ms `;
    const line = Buffer.from(
      text.padEnd(lineBytes, 'abcdefghij klmnopqrstuvwxyz').slice(0, lineBytes),
    );
    parts.push(encodeFrame('stdout', timeNs + BigInt(index), line));
  }
  return { bytes: Buffer.concat(parts), frames };
}

/** One frame as dockerd writes it. */
export function encodeFrame(source: string, timeNs: bigint, line: Buffer): Buffer {
  const body = Buffer.concat([
    Buffer.from([0x0a, source.length]),
    Buffer.from(source),
    Buffer.from([0x10]),
    varint(timeNs),
    Buffer.from([0x1a]),
    varint(BigInt(line.length)),
    line,
  ]);
  const head = Buffer.alloc(4);
  head.writeUInt32BE(body.length);
  return Buffer.concat([head, body]);
}

function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}
