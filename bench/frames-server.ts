/**
 * The floor of `docker logs`: answers a `ReadLogs` with frames that were made once and lie ready
 * in memory, in large writes, each when the one before it is through. It must never read, decode
 * or copy anything, so that what is measured is dockerd and the docker command.
 */
import type http from 'node:http';
import { buildFrames } from './frames.ts';

/** Bytes of each line, its newline included. */
export const floorLineBytes = 100;
/** So many distinct lines are made, and given out again and again. */
const distinctLines = 10_000;
const newline = 0x0a;
/** Lines of a container whose log-opts do not say how many. */
const linesDefault = 1_000_000;

/** What counts of a `ReadLogs`: dockerd sends the container's log-opts along. */
interface FramesRequest {
  Info?: { Config?: Record<string, string> | null };
  Config?: { Tail?: number };
}

let ready: Buffer | undefined;

/** All frames have one length, because all times have nine bytes. */
function framesOf(lines: number): Buffer {
  ready ??= buildReady();
  return ready.subarray(0, (ready.length / distinctLines) * lines);
}

function buildReady(): Buffer {
  const { bytes } = buildFrames(distinctLines, floorLineBytes);
  const frameBytes = bytes.length / distinctLines;
  // The line is the last field of a frame; its newline is what dockerd prints behind it.
  for (let end = frameBytes; end <= bytes.length; end += frameBytes) bytes[end - 1] = newline;
  return bytes;
}

/**
 * Answers one `ReadLogs` with the lines that the log-opt `lines` promises, or with the end of
 * them that is asked for. `body` is JSON; throws what its parser throws.
 */
export function answerWithFrames(body: string, response: http.ServerResponse): void {
  const { Info: info, Config: config } = JSON.parse(body) as FramesRequest;
  const tail = config?.Tail ?? -1;
  let left = Number(info?.Config?.['lines'] ?? linesDefault);
  if (tail >= 0) left = Math.min(left, tail);
  response.setHeader('content-type', 'application/octet-stream');
  response.flushHeaders();
  response.on('error', () => {});
  const next = (): void => {
    const lines = Math.min(left, distinctLines);
    left -= lines;
    if (left === 0) response.end(framesOf(lines));
    else response.write(framesOf(lines), next);
  };
  next();
}
