/**
 * What delivery logs, as a user of the command line is told it: the message and its reason, one
 * line each. It also hears from there how many entries an endpoint refused.
 */
import { createLog, type Log } from '../base/log.ts';
import { showText } from './text.ts';

/** Fields of a log line that matter here. */
interface Line {
  level: string;
  msg: string;
  reason?: string;
  cause?: string;
  endpoint?: string;
  containerId?: string;
  rejectedEntries?: number;
  entries?: number;
}

/** The log to hand to delivery. `tell` gets lines, `onRejected` a number of entries. */
export function createDrainLog(
  tell: (text: string) => void,
  onRejected: (entries: number) => void,
): Log {
  const write = (text: string): void => {
    const line = JSON.parse(text) as Line;
    const { level, msg, reason, cause, endpoint, containerId, rejectedEntries, entries } = line;
    if (level === 'info' || level === 'debug') return;
    if (rejectedEntries !== undefined) onRejected(entries ?? 0);
    const where = endpoint ?? containerId?.slice(0, 12);
    const parts = [where, msg, reason ?? cause].filter((part) => part !== undefined);
    tell(`${level === 'error' ? 'error' : 'warning'}: ${showText(parts.join(': '))}`);
  };
  return createLog({ level: 'info', thread: 'drain', write });
}
