/** What the benchmarks of `docker logs` found, as rows of the table that `make bench` prints. */
import { fixed, row, whole } from './table.ts';

type Result = Record<string, number>;

/** What bench/docker-logs.ts prints. */
export interface DockerLogs {
  running: Record<string, Result>;
  stopped: Record<string, Result>;
  firstTailMs: number;
}

/** What bench/docker-logs-since.ts prints. */
export interface DockerLogsSince {
  gibibytes: number;
  drivers: Record<string, Result>;
}

/** What bench/docker-logs-follow.ts prints. */
export interface DockerLogsFollow {
  drivers: Record<string, Result>;
}

/** What bench/log-readers.ts prints. */
export interface LogReaders {
  gibibytes: number;
  clients: number;
  medianMegabytes: number;
  peakMegabytes: number;
}

/** Whole logs and their ends, of running and of stopped containers. */
export function printDockerLogs({ running, stopped, firstTailMs }: DockerLogs): void {
  for (const [state, drivers] of Object.entries({ running, stopped })) {
    for (const [name, { lines, seconds, toFloor }] of Object.entries(drivers)) {
      const what = `docker logs, ${state}, ${whole(lines)} lines: ${name}`;
      const goal = name.startsWith('holdfast') ? 'at most 1.15 x the floor' : '';
      const figure = `${fixed(seconds, 2)} s, ${fixed(toFloor, 2)} x the floor`;
      row(what, figure, name.startsWith('floor') ? 'the floor' : goal);
    }
  }
  for (const [state, drivers] of Object.entries({ running, stopped })) {
    const peers = ['json-file', 'local'].map((name) => drivers[name]?.['tailMs'] ?? Number.NaN);
    const mostMs = Math.min(...peers) + 50;
    for (const [name, { tailMs }] of Object.entries(drivers)) {
      const goal = name.startsWith('holdfast') ? `at most ${whole(mostMs)} ms` : '';
      row(`docker logs --tail 10, ${state}: ${name}`, `${whole(tailMs)} ms`, goal);
    }
  }
  row('docker logs --tail 10, the first of all: holdfast', `${whole(firstTailMs)} ms`);
}

/** `--since` in the middle of a long history. */
export function printSince({ gibibytes, drivers }: DockerLogsSince): void {
  const parts = [
    { key: 'windowSeconds', what: '1,000 lines', isGoal: true },
    { key: 'firstSeconds', what: 'first line', isGoal: true },
    { key: 'restSeconds', what: 'all from there', isGoal: false },
  ];
  for (const { key, what, isGoal } of parts) {
    const slow = drivers['json-file']?.[key] ?? Number.NaN;
    for (const [name, figures] of Object.entries(drivers)) {
      const seconds = figures[key] ?? Number.NaN;
      const isHoldfast = name === 'holdfast';
      row(
        `--since, middle of ${gibibytes} GiB, ${what}: ${name}`,
        `${fixed(seconds, 3)} s${isHoldfast ? `, ${fixed(slow / seconds, 1)} x as fast` : ''}`,
        isHoldfast && isGoal ? 'at least 10 x as fast as json-file' : '',
      );
    }
  }
}

/** From printing to `docker logs -f`. */
export function printFollow({ drivers }: DockerLogsFollow): void {
  for (const [name, { medianMs, percentile99Ms }] of Object.entries(drivers)) {
    const figure = `${fixed(medianMs, 1)} ms, 99 of 100 in ${fixed(percentile99Ms, 1)} ms`;
    row(`docker logs -f, a line takes: ${name}`, figure, name === 'holdfast' ? 'under 100 ms' : '');
  }
}

/** Memory while many read at once. */
export function printReaders(readers: LogReaders): void {
  const { gibibytes, clients, medianMegabytes, peakMegabytes } = readers;
  row(
    `memory, ${whole(clients)} readers of ${gibibytes} GiB, half of them slow`,
    `${whole(medianMegabytes)} MB, largest ${whole(peakMegabytes)} MB`,
    'under 300 MB',
  );
}
