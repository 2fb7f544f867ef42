/**
 * Asks the driver for logs as dockerd does, and takes the answer apart with protobufjs: what
 * would `docker logs` print, on which stream, with which times.
 */
import http from 'node:http';
import { logEntryType } from './frames.ts';

/** What dockerd puts into a ReadLogs; what is left out means no bound. */
export interface LogQuery {
  since?: string;
  until?: string;
  tail?: number;
  follow?: boolean;
}

/** One frame of the answer. */
export interface AnswerFrame {
  source: string;
  timeNano: bigint;
  line: Buffer;
}

const none = '0001-01-01T00:00:00Z';

/** The body of a ReadLogs call. */
export function readLogsBody(containerId: string, query: LogQuery = {}): object {
  const { since = none, until = none, tail = -1, follow = false } = query;
  return {
    Info: { ContainerID: containerId, Config: {} },
    Config: { Since: since, Until: until, Tail: tail, Follow: follow },
  };
}

/** An answer that is coming in. */
export class LogAnswer {
  readonly frames: AnswerFrame[] = [];
  status = 0;
  /** Resolves when the head is there, with the status. */
  readonly head = Promise.withResolvers<number>();
  /** Resolves when the answer ended as it should, rejects when it broke off. */
  readonly end = Promise.withResolvers<void>();
  #rest: Buffer = Buffer.alloc(0);
  readonly #request: http.ClientRequest;
  #response: http.IncomingMessage | undefined;

  constructor(socketPath: string, containerId: string, query: LogQuery = {}) {
    this.end.promise.catch(() => {});
    this.head.promise.catch(() => {});
    const options = { socketPath, path: '/LogDriver.ReadLogs', method: 'POST', agent: false };
    this.#request = http.request(options, (response) => {
      this.#response = response;
      this.status = response.statusCode ?? 0;
      this.head.resolve(this.status);
      response.on('data', (chunk: Buffer) => this.#take(chunk));
      response.on('end', () => this.end.resolve());
      response.on('error', (error) => this.end.reject(error));
    });
    this.#request.on('error', (error) => {
      this.head.reject(error);
      this.end.reject(error);
    });
    this.#request.end(JSON.stringify(readLogsBody(containerId, query)));
  }

  /** Reads nothing until `resume`: a slow client. */
  pause(): void {
    this.#response?.pause();
  }

  resume(): void {
    this.#response?.resume();
  }

  /** The client goes away. */
  abort(): void {
    this.#request.destroy();
  }

  /** What `docker logs` prints on a stream; dockerd drops what comes from elsewhere. */
  text(source: 'stdout' | 'stderr' = 'stdout'): string {
    return this.bytes(source).toString('latin1');
  }

  bytes(source: 'stdout' | 'stderr' = 'stdout'): Buffer {
    return Buffer.concat(this.frames.filter((f) => f.source === source).map(({ line }) => line));
  }

  #take(chunk: Buffer): void {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (this.#rest.length - at >= 4) {
      const end = at + 4 + this.#rest.readUInt32BE(at);
      if (end > this.#rest.length) break;
      this.frames.push(decode(this.#rest.subarray(at + 4, end)));
      at = end;
    }
    this.#rest = Buffer.from(this.#rest.subarray(at));
  }
}

function decode(body: Buffer): AnswerFrame {
  const entry = logEntryType.toObject(logEntryType.decode(body), {
    longs: String,
    bytes: Buffer,
    defaults: true,
  }) as { source: string; time_nano: string; line: Buffer };
  return { source: entry.source, timeNano: BigInt(entry.time_nano), line: entry.line };
}

/** The whole answer. */
export async function readLogs(
  socketPath: string,
  containerId: string,
  query: LogQuery = {},
): Promise<LogAnswer> {
  const answer = new LogAnswer(socketPath, containerId, query);
  await answer.head.promise;
  await answer.end.promise;
  return answer;
}
