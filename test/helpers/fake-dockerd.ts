/**
 * Speaks to the driver as dockerd does: makes FIFOs, holds them open for reading and writing,
 * posts to the plugin socket. For tests of a whole driver process without an engine.
 */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import { setTimeout } from 'node:timers/promises';

/** One answer of the plugin API. */
export interface ApiAnswer {
  status: number;
  body: { Err?: string } & Record<string, unknown>;
}

/** Posts a body, as text or as JSON, to one call of the plugin API. */
export async function callPlugin(
  socketPath: string,
  call: string,
  body: unknown = '',
): Promise<ApiAnswer> {
  return new Promise((resolve, reject) => {
    const request = http.request(
      { socketPath, path: `/${call}`, method: 'POST', agent: false },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => {
          const status = response.statusCode ?? 0;
          resolve({ status, body: JSON.parse(text) as ApiAnswer['body'] });
        });
      },
    );
    request.on('error', reject);
    request.end(typeof body === 'string' ? body : JSON.stringify(body));
  });
}

/** A 64-digit id as Docker makes them. */
export function newId(): string {
  return randomBytes(32).toString('hex');
}

/** One FIFO with dockerd's end of it open. */
export class FakeFifo {
  readonly path: string;
  readonly #fd: number;

  constructor(directory: string, name = newId()) {
    this.path = `${directory}/${name}`;
    execFileSync('mkfifo', ['-m', '0700', this.path]);
    this.#fd = fs.openSync(this.path, fs.constants.O_RDWR | fs.constants.O_NONBLOCK);
  }

  /** Writes all of it, waiting while the pipe is full, as dockerd's copier does. */
  async write(bytes: Buffer): Promise<void> {
    let done = 0;
    while (done < bytes.length) {
      const written = this.writeSome(bytes.subarray(done));
      done += written;
      if (written === 0) await setTimeout(1);
    }
  }

  /** Writes what fits now; 0 when the pipe is full. */
  writeSome(bytes: Buffer): number {
    try {
      return fs.writeSync(this.#fd, bytes);
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'EAGAIN') return 0;
      throw error;
    }
  }

  /** dockerd closes its end, after StopLogging or by dying. */
  close(): void {
    fs.closeSync(this.#fd);
  }

  unlink(): void {
    fs.rmSync(this.path, { force: true });
  }
}

/** The body of a StartLogging call. */
export function startLoggingBody(
  file: string,
  containerId: string,
  config: Record<string, string> | null,
  name = 'test',
): object {
  return {
    File: file,
    Info: {
      Config: config,
      ContainerID: containerId,
      ContainerName: `/${name}`,
      ContainerEntrypoint: 'sh',
      ContainerArgs: null,
      ContainerImageID: 'sha256:0',
      ContainerImageName: 'test',
      ContainerCreated: '2026-01-01T00:00:00Z',
      ContainerEnv: ['SECRET=hunter2'],
      ContainerLabels: null,
      LogPath: '',
      DaemonName: 'docker',
    },
  };
}
