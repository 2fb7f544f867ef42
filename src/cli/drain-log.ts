/**
 * What delivery logs, as a user of the command line is told it: the message and its reason, one
 * line each.
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
}

/** The log to hand to delivery; `tell` gets lines. */
export function createDrainLog(tell: (text: string) => void): Log {
  const write = (text: string): void => {
    const line = JSON.parse(text) as Line;
    const { level, msg, reason, cause, endpoint, containerId } = line;
    if (level === 'info' || level === 'debug') return;
    const where = endpoint ?? containerId?.slice(0, 12);
    const parts = [where, msg, reason ?? cause].filter((part) => part !== undefined);
    tell(`${level === 'error' ? 'error' : 'warning'}: ${showText(parts.join(': '))}`);
  };
  return createLog({ level: 'info', thread: 'drain', write });
}
