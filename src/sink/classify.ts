/**
 * The one place that knows what an HTTP status or a network error means for the
 * data. Its rule: only an endpoint that has read the batch and says that the
 * batch is wrong may cause a loss; everything else must be tried again.
 */
import { errnoOf, messageOf } from '../base/errors.ts';
import type { SendResult } from './sink.ts';

/** An answer, as far as it matters; `text` is free of secrets already. */
export interface Answer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  /** The beginning of the body, or ''. */
  readonly text: string;
}

/** The longest pause that an endpoint can ask for, in milliseconds. */
export const retryAfterMsMax = 3_600_000;

/** Statuses that say that this very batch will never be taken. */
const refusals = new Map([
  [400, 'the endpoint refused entries of this batch and may have kept the others'],
  [413, 'the batch is too large for the endpoint or a proxy before it; lower loki-batch-size'],
  [422, 'the endpoint found nothing to store in this batch'],
]);

/** Statuses whose cause somebody has to mend, while the data waits. */
const hints = new Map([
  [401, 'check user, password and loki-tenant-id'],
  [403, 'check user, password and loki-tenant-id'],
  [404, 'check the path of loki-url; Loki takes pushes at /loki/api/v1/push'],
  [405, 'check the path of loki-url; this one takes no POST'],
  [408, 'the endpoint waited too long for the request'],
  [429, 'the endpoint limits the rate'],
]);

const parserErrorName = 'HTTPParserError';

/** Errors by their code: what it means, in words that help. */
const causes = new Map([
  [
    'ENOTFOUND',
    "the name does not resolve; it is looked up in the host's network namespace, where names of a compose network do not exist",
  ],
  [
    'EAI_AGAIN',
    "the name server does not answer; the name is looked up in the host's network namespace, where names of a compose network do not exist",
  ],
  ['ECONNREFUSED', "nothing listens there, seen from the host's network namespace"],
  ['ECONNRESET', 'the connection was cut'],
  ['EPIPE', 'the connection was cut'],
  ['UND_ERR_SOCKET', 'the connection was cut'],
  ['ETIMEDOUT', 'no answer from the address'],
  ['UND_ERR_CONNECT_TIMEOUT', 'no answer from the address'],
  ['EHOSTUNREACH', 'there is no route to the host'],
  ['ENETUNREACH', 'there is no route to the network'],
  ['UND_ERR_HEADERS_TIMEOUT', 'no answer in time'],
  ['UND_ERR_BODY_TIMEOUT', 'no answer in time'],
  ['UND_ERR_HEADERS_OVERFLOW', 'the headers of the answer are too large'],
  ['CERT_HAS_EXPIRED', 'the certificate has expired'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'the certificate is signed by itself'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'the certificate authority is not known here'],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'the certificate authority is not known here'],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'the certificate authority is not known here'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'the certificate is for another name'],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'the endpoint does not speak TLS; is it http://?'],
  ['ERR_SSL_PACKET_LENGTH_TOO_LONG', 'the endpoint does not speak TLS; is it http://?'],
]);

/** What an answer means. `where` names the endpoint for people; `nowMs` is Unix time. */
export function classifyAnswer(where: string, answer: Answer, nowMs: number): SendResult {
  const { status } = answer;
  if (status >= 200 && status < 300) return { kind: 'delivered' };
  const refusal = refusals.get(status);
  const reason = [`${where} answered ${status}`, refusal ?? hintOf(status), answer.text]
    .filter((part) => part !== undefined && part !== '')
    .join(': ');
  if (refusal !== undefined) return { kind: 'rejected', reason, status };
  const afterMs = parseRetryAfterMs(answer.retryAfter, nowMs);
  return { kind: 'retry', reason, status, ...(afterMs === undefined ? {} : { afterMs }) };
}

/** What a failure without an answer means: always a retry. */
export function classifyError(where: string, error: unknown): SendResult {
  const code = errnoOf(error) ?? codeOfCause(error);
  const cause = causes.get(code ?? '') ?? causeOfGarbage(error, code);
  const what = [code, cause ?? messageOf(error)].filter((part) => part !== undefined).join(', ');
  return { kind: 'retry', reason: `cannot push to ${where}: ${what}` };
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

function hintOf(status: number): string | undefined {
  if (status >= 300 && status < 400)
    return 'redirects are not followed; set loki-url to the target';
  return hints.get(status);
}

/** undici's parser gives its errors a code with this prefix, or none at all. */
function causeOfGarbage(error: unknown, code: string | undefined): string | undefined {
  const named = error instanceof Error && error.name === parserErrorName;
  const garbage = named || code?.startsWith('HPE_') === true;
  return garbage ? 'the answer is not HTTP; is it https://?' : undefined;
}

function codeOfCause(error: unknown): string | undefined {
  return error instanceof Error ? errnoOf(error.cause) : undefined;
}
