/**
 * What a gRPC status means for the data, by the same rule as for HTTP. Loki's refusals carry the
 * HTTP status as their code (400, 429); everything else has one of gRPC's own codes, of which most
 * are made by the client, a proxy or the server's library, and say nothing about the batch.
 */
import { classifyAnswer, parseRetryAfterMs, reasonOf, retryAfterMsMax } from './classify.ts';
import {
  cut,
  type Meaning,
  meaningOfText,
  noAnswerInTime,
  notGrpc,
  unknownName,
  withoutSourceLines,
} from './classify-error.ts';
import type { Retry, SendResult } from './sink.ts';

/** How a call ended. */
export interface GrpcAnswer {
  readonly code: number;
  /** What stands beside the code; free of secrets already. */
  readonly details: string;
  /** `retry-after` of the trailers, as in HTTP. */
  readonly retryAfter: string | undefined;
  /** `grpc-retry-pushback-ms` of the trailers. */
  readonly pushbackMs: string | undefined;
}

/**
 * The longest answer that is read, in bytes. It is a number that no server has for a limit, so
 * that our own refusal of an answer is not taken for the server's refusal of the batch.
 */
export const grpcAnswerBytesMax = 65_521;

interface Standard {
  readonly name: string;
  readonly kind: 'rejected' | Retry['cause'];
  /** The HTTP status that the code stands for. */
  readonly status?: number;
  readonly hint?: string;
}

const credentialsHint = 'check user, password or token, and loki-tenant-id';

const standards = new Map<number, Standard>([
  [1, { name: 'CANCELLED', kind: 'outage' }],
  [2, { name: 'UNKNOWN', kind: 'outage', status: 500 }],
  [
    3,
    {
      name: 'INVALID_ARGUMENT',
      kind: 'rejected',
      status: 400,
      hint: 'the endpoint refused entries of this batch and may have kept the others',
    },
  ],
  [4, { name: 'DEADLINE_EXCEEDED', kind: 'outage', status: 504, hint: 'no answer in time' }],
  [5, { name: 'NOT_FOUND', kind: 'settings', status: 404 }],
  [6, { name: 'ALREADY_EXISTS', kind: 'settings', status: 409 }],
  [7, { name: 'PERMISSION_DENIED', kind: 'settings', status: 403, hint: credentialsHint }],
  [
    8,
    {
      name: 'RESOURCE_EXHAUSTED',
      kind: 'limit',
      status: 429,
      hint: 'the endpoint limits the rate',
    },
  ],
  [9, { name: 'FAILED_PRECONDITION', kind: 'settings', status: 400 }],
  [10, { name: 'ABORTED', kind: 'outage', status: 409 }],
  [11, { name: 'OUT_OF_RANGE', kind: 'outage', status: 400 }],
  [
    12,
    {
      name: 'UNIMPLEMENTED',
      kind: 'settings',
      status: 501,
      hint: "no logproto.Pusher there; Loki's gRPC port is 9095 by default",
    },
  ],
  [13, { name: 'INTERNAL', kind: 'outage', status: 500 }],
  [14, { name: 'UNAVAILABLE', kind: 'outage', status: 503 }],
  [15, { name: 'DATA_LOSS', kind: 'outage', status: 500 }],
  [16, { name: 'UNAUTHENTICATED', kind: 'settings', status: 401, hint: credentialsHint }],
]);

const tooLarge = /larger than max|Received HTTP status code 413\b/;
const ownRefusal = ` vs ${grpcAnswerBytesMax})`;
/** What the library says of connections, without an answer of anybody. */
const detailMeanings: readonly [RegExp, Meaning][] = [
  [/^Name resolution failed/, unknownName],
  [/Protocol error/, notGrpc],
  [/^Deadline exceeded after/, noAnswerInTime],
  [/^Connection dropped|Last error: Failed to connect$/, cut],
];

/** What the end of a call means. `where` names the endpoint for people; `nowMs` is Unix time. */
export function classifyGrpc(where: string, answer: GrpcAnswer, nowMs: number): SendResult {
  const { code, details, retryAfter } = answer;
  if (code === 0) return { kind: 'delivered' };
  const standard = standards.get(code);
  if (standard === undefined) {
    if (code === 200 || code === 204) {
      const reason = reasonOf(
        `${where} answered ${code}`,
        'success has the code 0 in gRPC',
        details,
      );
      return { kind: 'retry', cause: 'settings', reason, status: code };
    }
    const asHttp = { status: code, retryAfter, text: details, isHtml: false };
    return classifyAnswer(where, asHttp, nowMs);
  }
  const told = `${where} answered ${standard.name}`;
  if (tooLarge.test(details) && !details.includes(ownRefusal)) {
    const hint = 'the batch is too large for the endpoint; lower loki-batch-size';
    return { kind: 'too-large', reason: reasonOf(told, hint, details), status: 413 };
  }
  if (standard.kind === 'rejected') {
    const status = standard.status ?? 400;
    return { kind: 'rejected', reason: reasonOf(told, standard.hint, details), status };
  }
  const afterMs = pushbackOf(answer.pushbackMs) ?? parseRetryAfterMs(retryAfter, nowMs);
  const retry = retryOf(where, standard, withoutNoise(details));
  return { ...retry, ...(afterMs === undefined ? {} : { afterMs }) };
}

/** A code says little: many of its details are errors of the connection in disguise. */
function retryOf(where: string, standard: Standard, details: string): Retry {
  const { name, kind, hint, status } = standard;
  const cause = kind === 'rejected' ? 'outage' : kind;
  if (details.includes(ownRefusal)) {
    const reason = reasonOf(where, 'the answer is too long to be one to a push');
    return { kind: 'retry', cause: 'outage', reason };
  }
  const meaning = meaningOfDetails(details);
  if (meaning !== undefined) {
    const reason = reasonOf(`cannot push to ${where}`, meaning.text, details);
    return { kind: 'retry', cause: meaning.cause === 'settings' ? 'settings' : cause, reason };
  }
  const reason = reasonOf(`${where} answered ${name}`, hint, details);
  return { kind: 'retry', cause, reason, ...(status === undefined ? {} : { status }) };
}

/** The library's stamp of time would make a new reason of each attempt. */
function withoutNoise(details: string): string {
  return withoutSourceLines(details)
    .replace(/ \(\d{4}-\d\d-\d\dT[\d:.]{1,20}Z\)/, '')
    .replace(/\.? Resolution note:\s*$/, '');
}

function meaningOfDetails(details: string): Meaning | undefined {
  for (const [pattern, meaning] of detailMeanings) if (pattern.test(details)) return meaning;
  return meaningOfText(details);
}

function pushbackOf(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,15}$/.test(text)) return undefined;
  return Math.min(Number(text), retryAfterMsMax);
}
