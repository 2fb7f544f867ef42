/** The rows of `make bench` about delivery. */
import { fixed, row, whole } from './table.ts';

/** What `latency.ts` prints. */
export interface Latency {
  rates: { linesPerSecond: number; medianMs: number; p99Ms: number }[];
}

/** Prints what `delivery.ts` measured with 1, 2 and 4 endpoints. */
export function printDelivery(results: readonly Record<string, number>[]): void {
  for (const { endpoints = 1, linesPerSecond, linesPerSecondOfAll } of results) {
    const all = endpoints > 1 ? `${whole(linesPerSecondOfAll)} lines/s in all` : undefined;
    row(
      `delivery, 100-byte lines, ${endpoints} endpoint${endpoints > 1 ? 's' : ''}`,
      all ?? `${whole(linesPerSecond)} lines/s`,
      endpoints === 2 ? '' : '1,500,000 lines/s',
    );
  }
}

/** Prints what `latency.ts` measured. */
export function printLatency({ rates }: Latency): void {
  for (const { linesPerSecond, medianMs, p99Ms } of rates) {
    row(
      `printed until the endpoint has it, ${whole(linesPerSecond)} lines/s`,
      `${fixed(medianMs, 1)} ms, 99 of 100: ${fixed(p99Ms, 0)} ms`,
      'under 100 ms; under 1 s',
    );
  }
}

/** Prints what `stalls.ts` measured with a live endpoint. */
export function printLiveStalls(stalls: Record<string, number>): void {
  row(
    `longest wait of a write, ${whole(stalls['linesPerSecond'])} lines/s, delivery busy`,
    `${fixed(stalls['longestWaitMs'], 1)} ms`,
    'under 100 ms',
  );
}

/** Prints what `memory.ts` measured with several dead endpoints. */
export function printDeadEndpoints(stages: readonly Record<string, number>[]): void {
  for (const { gibibytes, restMegabytes, busyMegabytes, sealingMegabytes } of stages) {
    const most = Math.max(busyMegabytes ?? 0, sealingMegabytes ?? 0);
    row(
      `memory, backlog ${gibibytes} GiB, 4 dead endpoints`,
      `${whole(restMegabytes)} MB, largest ${whole(most)} MB`,
    );
  }
}
