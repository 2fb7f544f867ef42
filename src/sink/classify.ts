/**
 * The one place that knows what an HTTP status means for the data. Its rule:
 * only an endpoint that has read the batch and says that the batch is wrong may
 * cause a loss; everything else must be tried again.
 */
import type { Retry, SendResult } from './sink.ts';

/** An answer, as far as it matters; `text` is free of secrets already. */
export interface Answer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  /** The beginning of the body, or ''. */
  readonly text: string;
  /** Whether the body says that it is HTML, which Loki never sends. */
  readonly isHtml: boolean;
}

/** The longest pause that an endpoint can ask for, in milliseconds. */
export const retryAfterMsMax = 3_600_000;

/** The longest reason, in characters. */
export const reasonLengthMax = 800;

/** What follows from a status, and a hint for people. */
interface Verdict {
  readonly kind: 'delivered' | 'rejected' | 'too-large' | Retry['cause'];
  readonly hint?: string;
}

const credentialsHint = 'check user, password or token, and loki-tenant-id';
const notLoki = 'this is not how Loki answers a push; check loki-url';

const verdicts = new Map<number, Verdict>([
  [200, { kind: 'delivered' }],
  [204, { kind: 'delivered' }],
  [
    400,
    {
      kind: 'rejected',
      hint: 'the endpoint refused entries of this batch and may have kept the others',
    },
  ],
  [401, { kind: 'settings', hint: credentialsHint }],
  [403, { kind: 'settings', hint: credentialsHint }],
  [
    404,
    {
      kind: 'settings',
      hint: 'check the path of loki-url; Loki takes pushes at /loki/api/v1/push',
    },
  ],
  [405, { kind: 'settings', hint: 'check the path of loki-url; this one takes no POST' }],
  [407, { kind: 'settings', hint: 'check user and password of the proxy' }],
  [408, { kind: 'outage', hint: 'the endpoint waited too long for the request' }],
  [
    413,
    {
      kind: 'too-large',
      hint: 'the batch is too large for the endpoint or a proxy before it; lower loki-batch-size',
    },
  ],
  [422, { kind: 'rejected', hint: 'the endpoint found nothing to store in this batch' }],
  [425, { kind: 'outage' }],
  [429, { kind: 'limit', hint: 'the endpoint limits the rate' }],
]);

/** How servers of TLS say 400 to a request without it; they have read no batch. */
const plainToTls = /\bHTTP request (?:was sent )?to (?:an )?HTTPS (?:server|port)\b/i;

/** What an answer means. `where` names the endpoint for people; `nowMs` is Unix time. */
export function classifyAnswer(where: string, answer: Answer, nowMs: number): SendResult {
  const { status } = answer;
  const { kind, hint } = verdictOf(answer);
  if (kind === 'delivered') return { kind };
  const reason = reasonOf(`${where} answered ${status}`, hint, answer.text);
  if (kind === 'rejected' || kind === 'too-large') return { kind, reason, status };
  const afterMs = parseRetryAfterMs(answer.retryAfter, nowMs);
  const patience = afterMs === undefined ? {} : { afterMs };
  return { kind: 'retry', cause: kind, reason, status, ...patience };
}

/** The parts that are not empty, joined and cut to a reason's length. */
export function reasonOf(...parts: (string | undefined)[]): string {
  const reason = parts.filter((part) => part !== undefined && part !== '').join(': ');
  return reason.slice(0, reasonLengthMax);
}

/**
 * Retry-After, seconds or an HTTP date, in milliseconds from now: 0 to one hour.
 * Undefined if absent or not understood.
 */
export function parseRetryAfterMs(value: string | undefined, nowMs: number): number | undefined {
  const text = value?.trim() ?? '';
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1000, retryAfterMsMax);
  // Date.parse takes almost anything for a date, so the shape is asked for first.
  if (!/^(mon|tue|wed|thu|fri|sat|sun)[a-z]*,? /i.test(text)) return undefined;
  const atMs = Date.parse(text);
  return Number.isNaN(atMs) ? undefined : Math.min(Math.max(0, atMs - nowMs), retryAfterMsMax);
}

function verdictOf({ status, text, isHtml }: Answer): Verdict {
  const verdict = verdicts.get(status) ?? verdictOfClass(status);
  const { kind } = verdict;
  if (kind !== 'delivered' && kind !== 'rejected') return verdict;
  if (plainToTls.test(text)) {
    return { kind: 'settings', hint: 'the endpoint speaks TLS; is it https://?' };
  }
  // A page for people is from a proxy or a log-in: nobody behind it has read the batch.
  return isHtml ? { kind: 'settings', hint: notLoki } : verdict;
}

function verdictOfClass(status: number): Verdict {
  if (status < 200 || status >= 500) return { kind: 'outage' };
  if (status < 300) return { kind: 'settings', hint: notLoki };
  if (status >= 400) return { kind: 'settings' };
  return { kind: 'settings', hint: 'redirects are not followed; set loki-url to the target' };
}
