/**
 * The small part of Loki's query API that people and the demo use: counting with
 * `sum(count_over_time({…}[1h]))`, reading with a plain selector, and label names.
 */
import type { PushAnswer } from './ingest.ts';
import { SelectorError } from './selector.ts';
import type { LokiStore, StoredStream } from './store.ts';
import { EntryView, type Selector, selectStreams } from './view.ts';

const countQuery =
  /^\s*(?:(sum)\s*(?:by\s*\(([^)]*)\))?\s*\(\s*)?count_over_time\s*\(\s*(\{.*\})\s*\[([^\]]+)\]\s*\)\s*(\)?)\s*$/s;
const durationMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
const linesDefault = 100;
const linesMax = 5000;

class QueryError extends Error {}

/** Answers a GET below /loki/api/v1, or undefined when the path is none of the double's. */
export function answerQuery(
  store: LokiStore,
  tenant: string,
  url: URL,
  nowMs: number,
): PushAnswer | undefined {
  try {
    switch (url.pathname) {
      case '/loki/api/v1/query':
        return success(instant(store, tenant, url.searchParams, nowMs));
      case '/loki/api/v1/query_range':
        return success(range(store, tenant, url.searchParams, nowMs));
      case '/loki/api/v1/labels':
        return success(labelNames(store, tenant));
      default:
        return undefined;
    }
  } catch (error) {
    const isBad =
      error instanceof QueryError || error instanceof SelectorError || error instanceof SyntaxError;
    if (!isBad) throw error;
    return { status: 400, body: error.message };
  }
}

function success(data: unknown): PushAnswer {
  return { status: 200, body: JSON.stringify({ status: 'success', data }) };
}

function instant(
  store: LokiStore,
  tenant: string,
  params: URLSearchParams,
  nowMs: number,
): unknown {
  const match = countQuery.exec(params.get('query') ?? '');
  if (match === null || (match[1] === undefined) !== (match[5] === '')) {
    throw new QueryError('only sum(count_over_time({…}[…])) is supported here');
  }
  const endNs = timeParam(params.get('time'), BigInt(nowMs) * 1_000_000n);
  const startNs = endNs - BigInt(parseDuration(match[4] ?? '')) * 1_000_000n;
  const by = match[2]?.split(',').map((name) => name.trim());
  const groups = new Map<string, { metric: Record<string, string>; count: number }>();
  for (const stream of selectStreams(store, match[3] ?? '', tenant)) {
    const count = countWithin(stream, startNs, endNs);
    if (count === 0) continue;
    const metric = groupOf(stream, match[1] !== undefined, by);
    const key = JSON.stringify(metric);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { metric, count });
    else group.count += count;
  }
  const time = Number(endNs / 1_000_000n) / 1000;
  const result = [...groups.values()].map(({ metric, count }) => ({
    metric,
    value: [time, String(count)],
  }));
  return { resultType: 'vector', result, stats: {} };
}

function groupOf(
  stream: StoredStream,
  isSum: boolean,
  by: readonly string[] | undefined,
): Record<string, string> {
  const labels = [...stream.labels.map];
  if (!isSum) return Object.fromEntries(labels);
  return Object.fromEntries(labels.filter(([name]) => by?.includes(name) ?? false));
}

/** Entries after `startNs` and up to `endNs`, both ends as Loki has them. */
function countWithin({ table }: StoredStream, startNs: bigint, endNs: bigint): number {
  let count = 0;
  const [startSeconds, startNanos] = splitNs(startNs);
  const [endSeconds, endNanos] = splitNs(endNs);
  for (let index = 0; index < table.count; index++) {
    const seconds = table.seconds[index] as number;
    const nanos = table.nanos[index] as number;
    if (seconds < startSeconds || (seconds === startSeconds && nanos <= startNanos)) continue;
    if (seconds > endSeconds || (seconds === endSeconds && nanos > endNanos)) continue;
    count += 1;
  }
  return count;
}

function range(store: LokiStore, tenant: string, params: URLSearchParams, nowMs: number): unknown {
  const endNs = timeParam(params.get('end'), BigInt(nowMs) * 1_000_000n);
  const startNs = timeParam(params.get('start'), endNs - 3_600_000_000_000n);
  const limit = Math.min(linesMax, Number(params.get('limit') ?? linesDefault));
  if (!(limit > 0)) throw new QueryError('limit must be a positive value');
  const isForward = params.get('direction') === 'forward';
  const selector: Selector = params.get('query') ?? '';
  const view = new EntryView(selectStreams(store, selector, tenant), 'time');
  const values = new Map<StoredStream, [string, string][]>();
  let taken = 0;
  for (let step = 0; step < view.length && taken < limit; step++) {
    const entry = view.lineAt(isForward ? step : view.length - 1 - step);
    if (entry.timestampNs < startNs || entry.timestampNs >= endNs) continue;
    taken += 1;
    const lines = values.get(entry.stream) ?? [];
    values.set(entry.stream, lines);
    lines.push([String(entry.timestampNs), entry.line.toString()]);
  }
  const result = [...values].map(([stream, lines]) => ({
    stream: Object.fromEntries(stream.labels.map),
    values: lines,
  }));
  return { resultType: 'streams', result, stats: {} };
}

function labelNames(store: LokiStore, tenant: string): string[] {
  const names = new Set<string>();
  for (const stream of store.streams(tenant)) {
    for (const name of stream.labels.map.keys()) names.add(name);
  }
  return [...names].sort();
}

/** `1h`, `90s`, `1h30m` in milliseconds. */
function parseDuration(text: string): number {
  if (!/^(?:\d+(?:ms|[smhdw]))+$/.test(text)) throw new QueryError(`not a duration: "${text}"`);
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+)(ms|[smhdw])/g)) {
    total += Number(amount) * durationMs[unit as keyof typeof durationMs];
  }
  return total;
}

/** A time as Loki takes it: nanoseconds, seconds with a fraction, or RFC 3339. */
function timeParam(text: string | null, otherwise: bigint): bigint {
  if (text === null) return otherwise;
  if (/^\d{11,19}$/.test(text)) return BigInt(text);
  if (/^\d+(?:\.\d+)?$/.test(text)) return BigInt(Math.round(Number(text) * 1000)) * 1_000_000n;
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw new QueryError(`cannot parse "${text}" to a valid timestamp`);
  return BigInt(ms) * 1_000_000n;
}

function splitNs(ns: bigint): [number, number] {
  return [Number(ns / 1_000_000_000n), Number(ns % 1_000_000_000n)];
}
