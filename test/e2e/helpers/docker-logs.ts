/** `docker logs` as a user runs it, stdout and stderr apart. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import { setTimeout } from 'node:timers/promises';
import type { Engine } from '../../../scripts/lib/engine.ts';

/** What a `docker logs` printed. */
export interface LogsOutput {
  stdout: Buffer;
  stderr: Buffer;
  /** Exit code, or the reason why there is none. */
  code: number | string;
}

const outputBytesMax = 1 << 28;
/** One that hangs is a failure. */
const logsMsMax = 60_000;

/** Runs `docker logs FLAGS… NAME` to its end. */
export async function dockerLogs(
  engine: Engine,
  name: string,
  ...flags: string[]
): Promise<LogsOutput> {
  const options = {
    env: engine.env,
    encoding: 'buffer' as const,
    maxBuffer: outputBytesMax,
    timeout: logsMsMax,
  };
  return new Promise((resolve) => {
    execFile('docker', ['logs', ...flags, name], options, (error, stdout, stderr) => {
      resolve({ stdout, stderr, code: error?.code ?? error?.signal ?? 0 });
    });
  });
}

/** One frame of the engine's answer: which stream, and what is on it. */
export interface RawFrame {
  stream: 'stdout' | 'stderr';
  text: string;
}

/** All of a container's log over the engine's API: both streams in their order. */
export async function rawLogs(engine: Engine, name: string): Promise<RawFrame[]> {
  const path = `/containers/${name}/logs?stdout=1&stderr=1`;
  const request = http.get({ socketPath: engine.socketPath, path, agent: false });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  const bytes = Buffer.concat((await response.toArray()) as Buffer[]);
  const frames: RawFrame[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 8 + bytes.readUInt32BE(at + 4);
    const stream = bytes[at] === 2 ? 'stderr' : 'stdout';
    frames.push({ stream, text: bytes.toString('latin1', at + 8, end) });
    at = end;
  }
  return frames;
}

/** A `docker logs --follow` that goes on until it is stopped or ends by itself. */
export class FollowedLogs {
  stdout = '';
  stderr = '';
  /** Resolves with the exit code, or the signal. */
  readonly ended: Promise<number | string>;
  readonly #child: ChildProcess;

  constructor(engine: Engine, name: string, ...flags: string[]) {
    const child = spawn('docker', ['logs', '--follow', ...flags, name], {
      env: engine.env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout.setEncoding('latin1').on('data', (text: string) => {
      this.stdout += text;
    });
    child.stderr.setEncoding('latin1').on('data', (text: string) => {
      this.stderr += text;
    });
    this.ended = new Promise((resolve) => {
      child.on('close', (code, signal) => resolve(code ?? signal ?? 'unknown'));
    });
    this.#child = child;
  }

  /** Waits until what was printed fits. */
  async until(what: string, condition: () => boolean, timeoutMs = 30_000): Promise<void> {
    const startedMs = performance.now();
    while (!condition()) {
      if (performance.now() - startedMs > timeoutMs) {
        throw new Error(`waited in vain until ${what}: ${this.stdout.slice(-300)} ${this.stderr}`);
      }
      await setTimeout(10);
    }
  }

  /** Its exit code; fails if it does not end by itself. */
  async end(timeoutMs = 30_000): Promise<number | string> {
    const late = setTimeout(timeoutMs, 'still following');
    const code = await Promise.race([this.ended, late]);
    if (code === 'still following') this.kill();
    return code;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}
