/**
 * What the process that runs the demo tells the one that a person sees. They are two, so that
 * Ctrl-C in a terminal ends neither the engine nor the plugin before the demo cleaned up, and
 * so that the demo can stay (KEEP=1) when the command has ended.
 */

/** One row of the table at the end. */
export interface ResultRow {
  name: string;
  printed: number;
  inWal: number;
  delivered: number;
  lost: number;
  doubled: number;
  /** From the start of the container until its last line was at the endpoint. */
  seconds: number;
}

/** See the module comment. */
export type Message =
  /** Something happened; stays visible. */
  | { kind: 'step'; text: string }
  /** How it goes at the moment; the next message takes its place. */
  | { kind: 'status'; text: string }
  | { kind: 'text'; text: string }
  | { kind: 'error'; text: string }
  | { kind: 'table'; rows: ResultRow[] }
  /** All stays as it is and is left to itself; the command ends with this code. */
  | {
      kind: 'kept';
      exitCode: number;
      /** Set for a private engine. */
      dockerHost: string | undefined;
      queryUrl: string;
      query: string;
      walPath: string;
      /** The network namespace that the endpoint is reached from, as /proc names it. */
      network: string;
    };

/** Speaks to the process that started this one, in lines of JSON on standard output. */
export function tell(message: Message): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

/** Shorthand for a line that stays. */
export function step(text: string): void {
  tell({ kind: 'step', text });
}

/** A number as people read it. */
export function plain(count: number): string {
  return count.toLocaleString('en-US');
}
