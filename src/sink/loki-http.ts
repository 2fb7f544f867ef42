/**
 * Pushes batches to one Loki over HTTP. The only door to undici.
 * A server, however slow or hostile, must never hold a send longer than the
 * timeout, nor make it read more than a few KiB, nor get a secret into a reason.
 */
import { setImmediate } from 'node:timers/promises';
import { type Dispatcher, Pool } from 'undici';
import { version } from '../base/version.ts';
import { type AnswerText, createAnswerText } from './answer-text.ts';
import { classifyAnswer, classifyError } from './classify.ts';
import type { SendResult, Sink } from './sink.ts';

/** Where and how to push. */
export interface LokiHttpOptions {
  /** Complete push URL without userinfo. */
  readonly url: string;
  /** Sent as basic authentication; secret. */
  readonly basicAuth?: { readonly user: string; readonly password: string };
  /** Sent as X-Scope-OrgID. */
  readonly tenantId?: string;
  /** For one send as a whole: name look-up, connect, request, answer. In milliseconds. */
  readonly timeoutMs: number;
}

// One send at a time is the rule; the others are for sends that wait for a slow answer.
const connectionsMax = 4;
// What of an answer is looked at, and what is read on, so that the connection can be used again.
const answerBytesKept = 4 * 1024;
const answerBytesDrained = 64 * 1024;
// Once the status is known, the rest of the answer may take this long at most.
const answerBodyMsMax = 1000;
const headerBytesMax = 16 * 1024;
// A shorter value in the query is a word (`msg`), not a token; hiding it would garble reasons.
const tokenLengthMin = 8;

/** Makes the sink of one endpoint. Opens no connection before the first send. */
export function createLokiHttpSink(options: LokiHttpOptions): Sink {
  return new LokiHttpSink(options);
}

/** Why a send was ended from this side; the message becomes the reason. */
class SendAborted extends Error {}

class LokiHttpSink implements Sink {
  readonly #pool: Pool;
  readonly #path: string;
  readonly #where: string;
  readonly #headers: Record<string, string>;
  readonly #timeoutMs: number;
  readonly #answerText: AnswerText;
  readonly #inFlight = new Set<AbortController>();
  #closed = false;

  constructor(options: LokiHttpOptions) {
    const url = new URL(options.url);
    this.#path = `${url.pathname}${url.search}`;
    this.#where = url.origin;
    this.#timeoutMs = options.timeoutMs;
    this.#headers = headersOf(options);
    this.#answerText = createAnswerText(secretsOf(options, url));
    this.#pool = new Pool(url.origin, {
      connections: connectionsMax,
      pipelining: 1,
      maxHeaderSize: headerBytesMax,
      // The deadline of a send is kept by #withDeadline; these only stop what outlives it.
      connect: { timeout: options.timeoutMs },
      headersTimeout: options.timeoutMs,
      bodyTimeout: options.timeoutMs,
    });
  }

  async send(body: Buffer): Promise<SendResult> {
    if (this.#closed) return { kind: 'retry', reason: 'closed' };
    const controller = new AbortController();
    this.#inFlight.add(controller);
    const timer = setTimeout(() => {
      controller.abort(new SendAborted(`no answer within ${this.#timeoutMs} ms`));
    }, this.#timeoutMs);
    try {
      return await this.#push(body, controller);
    } catch (error) {
      // undici may report the abort in its own words; the signal knows why.
      if (this.#closed) return { kind: 'retry', reason: 'closed' };
      const { signal } = controller;
      return classifyError(this.#where, signal.aborted ? (signal.reason as unknown) : error);
    } finally {
      clearTimeout(timer);
      this.#inFlight.delete(controller);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const controller of this.#inFlight) controller.abort(new SendAborted('closed'));
    await this.#pool.destroy();
  }

  async #push(body: Buffer, controller: AbortController): Promise<SendResult> {
    const answer = await this.#pool.request({
      method: 'POST',
      path: this.#path,
      headers: this.#headers,
      body,
      signal: controller.signal,
    });
    const beginning = await readBeginning(answer.body);
    const read = {
      status: answer.statusCode,
      retryAfter: firstOf(answer.headers['retry-after']),
      text: this.#answerText(beginning, beginning.length === answerBytesKept),
    };
    return classifyAnswer(this.#where, read, Date.now());
  }
}

/**
 * The first KiB of the answer. The rest is read and thrown away, so that the
 * connection can be used again; a body that is too long, too slow or broken only
 * costs the connection, because the status has said everything that matters.
 */
async function readBeginning(body: Dispatcher.ResponseData['body']): Promise<Buffer> {
  const kept: Buffer[] = [];
  let bytes = 0;
  const timer = setTimeout(() => body.destroy(), answerBodyMsMax);
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      if (bytes < answerBytesKept) kept.push(chunk.subarray(0, answerBytesKept - bytes));
      bytes += chunk.length;
      if (bytes > answerBytesDrained) break;
    }
  } catch {
    // A cut or aborted body leaves us with what came before it.
  } finally {
    clearTimeout(timer);
  }
  // undici calls the connection free one turn later; a send before that would open another.
  await setImmediate();
  return Buffer.concat(kept);
}

function headersOf(options: LokiHttpOptions): Record<string, string> {
  const headers: Record<string, string> = {
    'content-type': 'application/x-protobuf',
    'user-agent': `holdfast/${version}`,
  };
  if (options.tenantId !== undefined) headers['x-scope-orgid'] = options.tenantId;
  if (options.basicAuth !== undefined) headers['authorization'] = `Basic ${tokenOf(options)}`;
  return headers;
}

function tokenOf({ basicAuth }: LokiHttpOptions): string {
  const text = basicAuth === undefined ? '' : `${basicAuth.user}:${basicAuth.password}`;
  return Buffer.from(text).toString('base64');
}

/** Everything that a server learns from us and that must not come back in a reason. */
function secretsOf(options: LokiHttpOptions, url: URL): string[] {
  const fromQuery = [...url.searchParams.values()].filter(
    (value) => value.length >= tokenLengthMin,
  );
  if (options.basicAuth === undefined) return fromQuery;
  return [options.basicAuth.password, tokenOf(options), ...fromQuery];
}

function firstOf(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}
