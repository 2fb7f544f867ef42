/**
 * Answers one ReadLogs: finds the container's log, has it read, and ends the answer when the
 * output that is followed ends. It reads nothing itself and never waits for the client.
 */
import type { ContainerLog } from '../capture/container-log.ts';
import type { Containers } from '../capture/containers.ts';
import type { ReadLogsRequest } from './wire.ts';

/** Gets the answer. None of these may throw. */
export interface LogTarget {
  /** Frames; `done` is to be called when they are through and the next may come. */
  write(bytes: Buffer, done: () => void): void;
  end(): void;
  /** The log cannot be read any further. */
  fail(cause: string): void;
}

/** What is asked for of one log on disk. */
export interface LogRequest {
  directory: string;
  containerId: string;
  committed: SharedArrayBuffer;
  sinceNs?: bigint;
  untilNs?: bigint;
  tail?: number;
  follow: boolean;
}

/** Who reads logs. */
export interface HistoryPort {
  read(request: LogRequest, target: LogTarget): HistoryRead;
}

/** One answer under way. */
export interface HistoryRead {
  /** The container that is followed ended at this position. */
  stop(endLsn: number): void;
  /** Whoever asked has gone. */
  close(): void;
}

/** Where logs are. */
export interface LogSources {
  containers: Containers;
  history: HistoryPort;
  /** Resolves when everything on disk is taken up. */
  recovered: Promise<void>;
}

/** Begins to answer. Resolves with what lets go of it once the client has gone. */
export async function readLogs(
  { containers, history, recovered }: LogSources,
  request: ReadLogsRequest,
  target: LogTarget,
): Promise<() => void> {
  let container = containers.find(request.containerId);
  if (container === undefined) {
    await recovered;
    container = containers.find(request.containerId);
  }
  if (container === undefined) {
    // History has let go of it, or it never printed anything.
    target.end();
    return () => {};
  }
  return readContainer(containers, history, container, request, target);
}

function readContainer(
  containers: Containers,
  history: HistoryPort,
  container: ContainerLog,
  request: ReadLogsRequest,
  target: LogTarget,
): () => void {
  const { directory, committed } = container;
  const read = history.read({ ...request, directory, committed: committed.buffer }, target);
  if (!request.follow) return () => read.close();
  const unfollow = containers.follow(container, (endLsn) => read.stop(endLsn));
  return () => {
    unfollow();
    read.close();
  };
}
