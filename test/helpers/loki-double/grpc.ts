/**
 * The double's gRPC: `logproto.Pusher/Push` on grpc-js's own server, with the same faults, limits
 * and answers as over HTTP. A refusal's code is the HTTP status as a number, as Loki's is.
 */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket, type Server as TcpServer } from 'node:net';
import {
  type handleUnaryCall,
  Metadata,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type sendUnaryData,
} from '@grpc/grpc-js';
import type { Decision } from './faults.ts';
import type { PushAnswer } from './ingest.ts';
import type { DoubleTls } from './listener.ts';
import { PushMessage } from './message.ts';
import { decodePushRequest, ProtoError } from './proto.ts';
import { isDropped, type PushContext, type PushCounts } from './push-handler.ts';

/** What the service works with, and where it listens. */
export interface GrpcOptions extends PushContext {
  readonly counts: () => PushCounts;
  readonly host: string;
  /** 0 takes a free one at the first `open` and keeps it. */
  readonly port: number;
  readonly tls: DoubleTls | undefined;
}

type Call = ServerUnaryCall<Buffer, Buffer>;

// gRPC's own codes for what HTTP has statuses for.
const codes = new Map([
  [401, 16],
  [500, 4],
  [503, 14],
]);

/** One port that is open or closed. */
export class GrpcListener {
  readonly #options: GrpcOptions;
  readonly #message = new PushMessage();
  readonly #sockets = new Map<string, Socket>();
  #port: number;
  #server: { tcp: TcpServer; grpc: Server } | undefined;

  constructor(options: GrpcOptions) {
    this.#options = options;
    this.#port = options.port;
  }

  get url(): string {
    const scheme = this.#options.tls === undefined ? 'grpc' : 'grpcs';
    return `${scheme}://${this.#options.host}:${this.#port}`;
  }

  /** Listens; does nothing when it does already. */
  async open(): Promise<void> {
    if (this.#server !== undefined) return;
    // Our own limit answers as Go's server does, which names both sizes in another way.
    const grpc = new Server({ 'grpc.max_receive_message_length': -1 });
    const push: handleUnaryCall<Buffer, Buffer> = (call, callback) => this.#handle(call, callback);
    grpc.addService({ push: pushMethod }, { push });
    // The connections are made here, so that they can be cut.
    const injector = grpc.createConnectionInjector(credentialsOf(this.#options.tls));
    const tcp = createServer((socket) => {
      const name = `${socket.remoteAddress}:${socket.remotePort}`;
      this.#sockets.set(name, socket);
      socket.on('error', () => undefined);
      socket.once('close', () => this.#sockets.delete(name));
      injector.injectConnection(socket);
    });
    tcp.listen(this.#port, this.#options.host);
    await once(tcp, 'listening');
    this.#port = (tcp.address() as AddressInfo).port;
    this.#server = { tcp, grpc };
  }

  /** Stops listening and resets all connections, also those that wait for an answer. */
  async close(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const closed = once(server.tcp, 'close');
    server.tcp.close();
    for (const socket of this.#sockets.values()) socket.destroy();
    server.grpc.forceShutdown();
    await closed;
  }

  #handle(call: Call, callback: sendUnaryData<Buffer>): void {
    const { plan, counts, changed } = this.#options;
    const decision = plan.next();
    counts().requests += 1;
    counts().bodyBytes += call.request.length;
    const stored = this.#storeUnless(decision, call);
    // What is stored is seen before it is answered, as with the real one.
    changed();
    if (decision.kind === 'store-late') {
      setTimeout(() => this.#answer(callback, stored), decision.delayMs).unref();
    } else if (decision.kind === 'hang') {
      counts().hung += 1;
      changed();
    } else if (decision.kind === 'answer') {
      this.#answer(callback, decision, decision.retryAfterSeconds);
    } else if (decision.kind === 'store' || decision.kind === 'discard') {
      this.#answer(callback, stored);
    } else {
      // A call begins when its message is here: all cuts are at this place.
      counts().cut += 1;
      this.#sockets.get(call.getPeer())?.destroy();
      changed();
    }
  }

  #storeUnless(decision: Decision, call: Call): PushAnswer {
    const { ingest, limits, tenantOf, look, counts } = this.#options;
    const isLost = decision.kind === 'cut' || decision.kind === 'discard';
    if (isLost || isDropped(decision)) return { status: 204, body: '' };
    const bytes = call.request;
    if (bytes.length > limits.grpcBytesMax) {
      const sizes = `(${bytes.length} vs. ${limits.grpcBytesMax})`;
      return { status: 413, body: `grpc: received message larger than max ${sizes}` };
    }
    const metadata = Object.fromEntries(
      Object.entries(call.metadata.getMap()).map(([name, value]) => [name, String(value)]),
    );
    const refusal = look(metadata);
    if (refusal !== undefined) return refusal;
    const tenant = tenantOf(metadata);
    if (tenant === undefined) return { status: 401, body: 'no org id' };
    counts().messageBytes += bytes.length;
    try {
      decodePushRequest(bytes, this.#message);
    } catch (error) {
      if (error instanceof ProtoError) return { status: 500, body: error.message };
      throw error;
    }
    return ingest.push(tenant, this.#message);
  }

  #answer(callback: sendUnaryData<Buffer>, answer: PushAnswer, retryAfterSeconds?: number): void {
    const { byStatus } = this.#options.counts();
    const key = String(answer.status);
    byStatus[key] = (byStatus[key] ?? 0) + 1;
    if (answer.status === 204) {
      callback(null, Buffer.alloc(0));
    } else {
      const metadata = new Metadata();
      if (retryAfterSeconds !== undefined) metadata.set('retry-after', String(retryAfterSeconds));
      const isTooLarge = answer.status === 413;
      const code = isTooLarge ? 8 : (codes.get(answer.status) ?? answer.status);
      // oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- Loki's codes are in no enum.
      callback({ code, details: answer.body, metadata });
    }
    this.#options.changed();
  }
}

/** Bytes in, bytes out: nobody but the double's own decoder reads them. */
const pushMethod = {
  path: '/logproto.Pusher/Push',
  requestStream: false,
  responseStream: false,
  requestSerialize: (bytes: Buffer) => bytes,
  requestDeserialize: (bytes: Buffer) => bytes,
  responseSerialize: (bytes: Buffer) => bytes,
  responseDeserialize: (bytes: Buffer) => bytes,
} as const;

function credentialsOf(tls: DoubleTls | undefined): ServerCredentials {
  if (tls === undefined) return ServerCredentials.createInsecure();
  const pair = { cert_chain: Buffer.from(tls.cert), private_key: Buffer.from(tls.key) };
  if (tls.clientCa === undefined) return ServerCredentials.createSsl(null, [pair], false);
  return ServerCredentials.createSsl(Buffer.from(tls.clientCa), [pair], true);
}
