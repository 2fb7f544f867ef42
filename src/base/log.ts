/**
 * The program's own log: structured lines on standard output, which dockerd
 * puts into its journal. Never one line per container line, never a secret.
 */
import { type Logger, pino } from 'pino';

/** Levels that LOG_LEVEL accepts, most talkative first. */
export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;

/** What the rooms get handed to speak with; `child` adds fields. */
export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error' | 'child'>;

/** Makes the log of one thread. An unknown level counts as `info`. */
export function createLog(options: { level: string | undefined; thread: string }): Log {
  const level = logLevels.find((name) => name === options.level?.toLowerCase()) ?? 'info';
  return pino({
    level,
    base: { thread: options.thread },
    formatters: { level: (label) => ({ level: label }) },
  });
}

/** Swallows everything; for tests and for tools that print by themselves. */
export const silentLog: Log = pino({ level: 'silent' });
