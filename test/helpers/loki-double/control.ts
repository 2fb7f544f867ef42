/**
 * The double's control API on a port of its own, so that it answers while Loki is
 * "down". It lets a test or the demo in another process drive the double:
 *
 *   POST /double/mode     a mode as JSON, such as {"kind":"slow","delayMs":500}
 *   GET  /double/mode     the mode
 *   POST /double/limits   some limits as JSON; answers all of them
 *   POST /double/reset    forgets entries and counts
 *   GET  /double/stats    all counts
 *   GET  /double/streams  tenant, labels and entries of every stream
 *   GET  /double/entries  ?selector={…}&order=time|arrival&limit=1000&offset=0&encoding=utf8|base64
 *   GET  /double/check    ?selector={…}&pattern=line %25d&count=1000&order=time|arrival
 *   GET  /double/wait     ?entries=N&selector={…}&timeoutMs=10000; 200 when there, 408 when not
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { BodyRefusal, readBody } from './body.ts';
import type { CheckReport } from './check.ts';
import { checkMode, type Mode } from './faults.ts';
import { checkLimits, type Limits } from './limits.ts';
import { SelectorError } from './selector.ts';
import type { Order, StoredLine } from './view.ts';

interface Read {
  readonly tenant?: string;
  readonly order?: Order;
}

/** What the control API needs of a double. */
export interface Controllable {
  readonly mode: Mode;
  readonly limits: Limits;
  setMode(mode: Mode): Promise<void>;
  setLimits(limits: Partial<Limits>): void;
  reset(): void;
  counts(): unknown;
  streams(): unknown;
  count(selector: string, read?: Read): number;
  lines(selector: string, read?: Read): Iterable<StoredLine>;
  checkNumbered(selector: string, pattern: string, count: number, read?: Read): CheckReport;
  waitFor(condition: () => boolean, timeoutMs?: number): Promise<void>;
}

const controlBodyBytesMax = 64 << 10;
const entriesDefault = 1000;

/** Answers one control request. */
export function handleControl(
  double: Controllable,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const url = URL.parse(request.url ?? '/', 'http://double');
  const route = `${request.method ?? ''} ${url?.pathname ?? ''}`;
  answer(double, route, url?.searchParams ?? new URLSearchParams(), request).then(
    (value) => send(response, value === undefined ? 404 : 200, value ?? { error: 'no such route' }),
    (error: unknown) => send(response, statusOf(error), { error: String(error) }),
  );
}

async function answer(
  double: Controllable,
  route: string,
  params: URLSearchParams,
  request: IncomingMessage,
): Promise<unknown> {
  const selector = params.get('selector') ?? '{}';
  switch (route) {
    case 'POST /double/mode':
      await double.setMode(checkMode(await jsonBody(request)));
      return double.mode;
    case 'GET /double/mode':
      return double.mode;
    case 'POST /double/limits':
      double.setLimits(checkLimits(await jsonBody(request)));
      return double.limits;
    case 'POST /double/reset':
      double.reset();
      return {};
    case 'GET /double/stats':
      return double.counts();
    case 'GET /double/streams':
      return double.streams();
    case 'GET /double/entries':
      return entries(double.lines(selector, readOptions(params)), params);
    case 'GET /double/check':
      return double.checkNumbered(
        selector,
        params.get('pattern') ?? '',
        numberParam(params, 'count', 0),
        readOptions(params),
      );
    case 'GET /double/wait': {
      const wanted = numberParam(params, 'entries', 1);
      const hasThem = () => double.count(selector, readOptions(params)) >= wanted;
      await double.waitFor(hasThem, numberParam(params, 'timeoutMs', 10_000));
      return double.counts();
    }
    default:
      return undefined;
  }
}

function entries(lines: Iterable<StoredLine>, params: URLSearchParams): unknown[] {
  const offset = numberParam(params, 'offset', 0);
  const end = offset + numberParam(params, 'limit', entriesDefault);
  const encoding = params.get('encoding') === 'base64' ? 'base64' : 'utf8';
  const found: unknown[] = [];
  let place = 0;
  for (const { timestampNs, line, stream, metadata } of lines) {
    if (place >= end) break;
    if (place++ < offset) continue;
    found.push({
      timestampNs: String(timestampNs),
      line: line.toString(encoding),
      labels: Object.fromEntries(stream.labels.map),
      metadata: Object.fromEntries(metadata),
    });
  }
  return found;
}

function readOptions(params: URLSearchParams): Read {
  const tenant = params.get('tenant');
  const order: Order = params.get('order') === 'arrival' ? 'arrival' : 'time';
  return tenant === null ? { order } : { order, tenant };
}

function numberParam(params: URLSearchParams, name: string, otherwise: number): number {
  const number = Number(params.get(name) ?? otherwise);
  if (!(number >= 0)) throw new TypeError(`${name} must be a number of at least 0`);
  return number;
}

async function jsonBody(request: IncomingMessage): Promise<unknown> {
  return JSON.parse((await readBody(request, controlBodyBytesMax)).toString()) as unknown;
}

function statusOf(error: unknown): number {
  if (error instanceof BodyRefusal) return error.status;
  const isBad =
    error instanceof TypeError || error instanceof SyntaxError || error instanceof SelectorError;
  return isBad ? 400 : 408;
}

function send(response: ServerResponse, status: number, value: unknown): void {
  response.statusCode = status;
  response.setHeader('content-type', 'application/json');
  response.end(`${JSON.stringify(value)}\n`);
}
