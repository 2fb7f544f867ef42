/**
 * The program's own log: structured lines on standard output, which dockerd
 * puts into its journal. Never one line per container line, never a secret.
 */
import { type Logger, pino } from 'pino';

/** Levels that LOG_LEVEL accepts, most talkative first. */
export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;

/** What the rooms get handed to speak with; `child` adds fields. */
export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error' | 'child'>;

/** Where and how a log is written. */
export interface LogOptions {
  level: string | undefined;
  thread: string;
  /** Gets each line, with its newline, in place of standard output. */
  write?: (line: string) => void;
}

/** Makes the log of one thread. An unknown level counts as `info`. */
export function createLog(options: LogOptions): Log {
  const level = logLevels.find((name) => name === options.level?.toLowerCase()) ?? 'info';
  const settings = {
    level,
    base: { thread: options.thread },
    formatters: { level: (label: string) => ({ level: label }) },
  };
  const { write } = options;
  return write === undefined ? pino(settings) : pino(settings, { write });
}

/** Swallows everything; for tests and for tools that print by themselves. */
export const silentLog: Log = pino({ level: 'silent' });
