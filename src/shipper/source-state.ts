/**
 * What a source must know beside its place in the stream to make the same entries again: the
 * times it has given out, and what stages remember. It goes into the cursor, as few bytes.
 *
 *   version u8, mark of the pipeline u32, then lists of numbers: count u8, f64 × count
 *
 * What does not fit is left out from the end: a list may be short, and what a stage does not know
 * again begins anew after a restart.
 */
import { crc32 } from 'node:zlib';
import type { PipelineState } from '../pipeline/pipeline.ts';
import type { PipelineText } from '../pipeline/plan.ts';
import { cursorStateBytesMax } from '../wal/index.ts';
import type { ChainState } from './time-chain.ts';

/** See the module comment. Never changed once made. */
export interface SourceState {
  /** Times given out. */
  readonly times: ChainState;
  /** The tenant that stages chose last; it is not in the cursor: a name may be too long for it. */
  readonly tenantId?: string | undefined;
  readonly stages: PipelineState;
}

const version = 1;
const headBytes = 5;

/** Tells whether a state was made by the same stages. */
export function pipelineMarkOf(text: PipelineText): number {
  return crc32(JSON.stringify(text));
}

/** The bytes of a state. */
export function encodeState(state: SourceState, pipelineMark: number): Buffer {
  const bytes = Buffer.alloc(cursorStateBytesMax);
  bytes[0] = version;
  bytes.writeUInt32LE(pipelineMark, 1);
  let at = headBytes;
  for (const numbers of [state.times, ...state.stages]) {
    if (at >= bytes.length) break;
    const count = Math.min(numbers.length, Math.floor((bytes.length - at - 1) / 8));
    bytes[at++] = count;
    for (const value of numbers.slice(0, count)) at = bytes.writeDoubleLE(value, at);
  }
  return bytes.subarray(0, at);
}

/** The state; undefined when it is none. Stages count only if they are the same. */
export function decodeState(
  bytes: Uint8Array | undefined,
  pipelineMark: number,
): { times: number[] | undefined; stages: number[][] } | undefined {
  if (bytes === undefined || bytes.length < headBytes || bytes[0] !== version) return undefined;
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const lists: number[][] = [];
  for (let at = headBytes; at < view.length; ) {
    const count = view[at++] ?? 0;
    if (at + count * 8 > view.length) return undefined;
    const from = at;
    lists.push(Array.from({ length: count }, (_, index) => view.readDoubleLE(from + index * 8)));
    at += count * 8;
  }
  const isSame = view.readUInt32LE(1) === pipelineMark;
  return { times: lists[0], stages: isSame ? lists.slice(1) : [] };
}
