/**
 * One HTTP push: reads it, lets the fault plan decide, and answers. Everything that
 * Loki would decide is in ingest.ts; everything that a broken network does is here.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { BodyRefusal, decodeBody, readBody, unpackBody } from './body.ts';
import type { Decision, FaultPlan } from './faults.ts';
import type { Ingest, PushAnswer } from './ingest.ts';
import type { Limits } from './limits.ts';
import { PushMessage } from './message.ts';

/** Headers of HTTP or metadata of gRPC, by lower-case name. */
export type PushHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** What was counted about pushes. */
export interface PushCounts {
  requests: number;
  /** Bytes of bodies as they came over the wire. */
  bodyBytes: number;
  /** Bytes of messages after decompression. */
  messageBytes: number;
  cut: number;
  hung: number;
  readonly byStatus: Record<string, number>;
}

/** What the handler works with. */
export interface PushContext {
  readonly plan: FaultPlan;
  readonly ingest: Ingest;
  readonly limits: Limits;
  /** The tenant of a push, or undefined when it has none and needs one. */
  readonly tenantOf: (headers: PushHeaders) => string | undefined;
  /** Looks at each push first; what it returns is the answer, and nothing is stored. */
  readonly look: (headers: PushHeaders) => PushAnswer | undefined;
  /** Called after every change that somebody may wait for. */
  readonly changed: () => void;
}

/** Handles pushes of one double. */
export class PushHandler {
  readonly #context: PushContext;
  readonly #message = new PushMessage();
  counts: PushCounts = noCounts();

  constructor(context: PushContext) {
    this.#context = context;
  }

  /** Forgets all counts. */
  reset(): void {
    this.counts = noCounts();
  }

  /** Handles one request; rejects when the client goes away in the middle. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const decision = this.#context.plan.next();
    this.counts.requests += 1;
    if (decision.kind === 'cut') this.#cutWhileReading(request);
    else if (decision.kind === 'discard') this.#discard(request, response);
    else await this.#readAndDecide(decision, request, response);
  }

  async #readAndDecide(
    decision: Exclude<Decision, { kind: 'cut' | 'discard' }>,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const stored = await this.#storeUnless(decision, request);
    // What is stored is seen before it is answered, as with the real one.
    this.#context.changed();
    switch (decision.kind) {
      case 'store':
        this.#answer(response, stored);
        break;
      case 'store-late':
        setTimeout(() => this.#answer(response, stored), decision.delayMs).unref();
        break;
      case 'store-and-cut':
      case 'read-and-cut':
        this.#cut(request);
        break;
      case 'hang':
        this.counts.hung += 1;
        this.#context.changed();
        break;
      case 'answer':
        this.#answer(response, decision, decision.retryAfterSeconds);
        break;
      default:
        decision satisfies never;
    }
  }

  /** Reads the body, and stores it unless the decision is not to. */
  async #storeUnless(decision: Decision, request: IncomingMessage): Promise<PushAnswer> {
    const { ingest, limits, tenantOf, look } = this.#context;
    try {
      const body = await readBody(request, limits.bodyBytesMax);
      this.counts.bodyBytes += body.length;
      if (isDropped(decision)) return { status: 0, body: '' };
      const refusal = look(request.headers);
      if (refusal !== undefined) return refusal;
      const tenant = tenantOf(request.headers);
      if (tenant === undefined) return { status: 401, body: 'no org id' };
      const unpacked = await unpackBody(request, body, limits.bodyBytesMax);
      this.counts.messageBytes += unpacked.bytes.length;
      // From here on nothing waits, so one message object serves all requests.
      decodeBody(unpacked, this.#message);
      return ingest.push(tenant, this.#message);
    } catch (error) {
      if (error instanceof BodyRefusal) return error;
      throw error;
    }
  }

  #answer(response: ServerResponse, answer: PushAnswer, retryAfterSeconds?: number): void {
    if (response.destroyed) return;
    const key = String(answer.status);
    this.counts.byStatus[key] = (this.counts.byStatus[key] ?? 0) + 1;
    if (retryAfterSeconds !== undefined) response.setHeader('retry-after', retryAfterSeconds);
    answerText(response, answer);
    this.#context.changed();
  }

  #cutWhileReading(request: IncomingMessage): void {
    const cut = () => {
      request.removeAllListeners('data').removeAllListeners('end');
      this.#cut(request);
    };
    request.once('data', cut);
    request.once('end', cut);
  }

  #cut(request: IncomingMessage): void {
    request.socket.destroy();
    this.counts.cut += 1;
    this.#context.changed();
  }

  #discard(request: IncomingMessage, response: ServerResponse): void {
    request.on('data', (chunk: Buffer) => {
      this.counts.bodyBytes += chunk.length;
    });
    request.on('end', () => this.#answer(response, { status: 204, body: '' }));
  }
}

/** Whether a push is read and not stored. */
export function isDropped(decision: Decision): boolean {
  const { kind } = decision;
  return kind === 'answer' || kind === 'read-and-cut' || (kind === 'hang' && !decision.stores);
}

/** Sends a status and a text as Go's http.Error does, with a line end. */
export function answerText(response: ServerResponse, answer: PushAnswer): void {
  response.statusCode = answer.status;
  if (answer.body === '') {
    response.end();
    return;
  }
  response.setHeader('content-type', 'text/plain; charset=utf-8');
  response.end(`${answer.body}\n`);
}

function noCounts(): PushCounts {
  return { requests: 0, bodyBytes: 0, messageBytes: 0, cut: 0, hung: 0, byStatus: {} };
}
