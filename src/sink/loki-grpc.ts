/**
 * Pushes batches to one Loki over gRPC: `logproto.Pusher/Push`. The only door to grpc-js, which
 * is loaded at the first send, because it costs several MB. It must never wait in the library's
 * own backoff: a connection that has failed is thrown away, and the next send makes a new one.
 */
import type { Socket } from 'node:net';
import type * as GrpcModule from '@grpc/grpc-js';
import type {
  ChannelCredentials,
  ChannelOptions,
  Client,
  Metadata,
  ServiceError,
} from '@grpc/grpc-js';
import type { Log } from '../base/log.ts';
import { version } from '../base/version.ts';
import { type AnswerText, createAnswerText } from './answer-text.ts';
import { classifyError } from './classify-error.ts';
import { classifyGrpc, grpcAnswerBytesMax } from './classify-grpc.ts';
import { HeaderReader, type RequestHeaders, secretsInOptions } from './header-reader.ts';
import { Sends } from './sends.ts';
import { SettingsError } from './settings-error.ts';
import type { SendResult, Sink, SinkOptions } from './sink.ts';
import { startTls } from './start-tls.ts';
import { type TlsMaterial, TlsReader } from './tls-reader.ts';
import { openTunnel, type ProxyAddress, parseProxyUrl } from './tunnel.ts';

type Grpc = (typeof GrpcModule)['default'];

const method = '/logproto.Pusher/Push';
const defaultPort = '9095';
const keepaliveMs = 30_000;
const keepaliveTimeoutMs = 10_000;
// The shipper does the waiting; this only bounds how often a lost connection is tried by itself.
const reconnectMs = 100;

/** What HTTP allows in a name and gRPC does not would end in an error that quotes. */
const metadataName = /^(?!grpc-)[0-9a-z_.-]+$/;

const unavailable = 14;
// Codes after which the connection may be to blame: cancelled, unknown, deadline, internal, and
// unavailable.
const brokenCodes = [1, 2, 4, 13, unavailable];

let loading: Promise<Grpc> | undefined;

async function loadGrpc(): Promise<Grpc> {
  // Bundlers that split put a CommonJS module under `default` and nowhere else.
  loading ??= import('@grpc/grpc-js').then(({ default: grpc }) => {
    // What goes wrong is told by results; the library would print it.
    grpc.setLogVerbosity(grpc.logVerbosity.NONE);
    return grpc;
  });
  return loading;
}

/** Makes the sink of one endpoint. Opens no connection and no file before the first send. */
export function createLokiGrpcSink(options: SinkOptions, log?: Log): Sink {
  return new LokiGrpcSink(options, log);
}

/** What a send needs and what changes when a file does. */
interface Sender {
  readonly identity: RequestHeaders;
  readonly material: TlsMaterial | undefined;
  readonly metadata: Metadata;
  readonly answerText: AnswerText;
}

class LokiGrpcSink implements Sink {
  readonly #options: SinkOptions;
  readonly #log: Log | undefined;
  /** `host:port`. */
  readonly #target: string;
  readonly #where: string;
  readonly #proxy: ProxyAddress | undefined;
  readonly #headers: HeaderReader;
  readonly #tls: TlsReader | undefined;
  readonly #sends: Sends;
  /** Until the first send has read the files. */
  readonly #firstText: AnswerText;
  #sender: Sender | undefined;
  #channel: GrpcChannel | undefined;
  readonly #channels = new Set<GrpcChannel>();

  constructor(options: SinkOptions, log: Log | undefined) {
    this.#options = options;
    this.#log = log;
    const url = new URL(options.url);
    this.#target = `${url.hostname}:${url.port === '' ? defaultPort : url.port}`;
    if (options.proxyUrl !== undefined) this.#proxy = parseProxyUrl(options.proxyUrl);
    const through = this.#proxy === undefined ? '' : ` through the proxy ${this.#proxy.origin}`;
    this.#where = `${url.protocol}//${this.#target}${through}`;
    this.#headers = new HeaderReader(options);
    const secrets = [...secretsInOptions(options), ...(this.#proxy?.secrets ?? [])];
    this.#firstText = createAnswerText(secrets);
    if (url.protocol === 'grpcs:') this.#tls = new TlsReader(options.tls);
    this.#sends = new Sends(options.timeoutMs, (error) =>
      classifyError(this.#where, error, (text) => this.#clean(text)),
    );
  }

  encode(request: Buffer): Buffer {
    // gRPC takes the message as it is; the caller's memory is used again.
    return Buffer.from(request);
  }

  async send(body: Buffer, tenantId?: string): Promise<SendResult> {
    return this.#sends.run((signal) => this.#push(body, tenantId, signal));
  }

  async close(): Promise<void> {
    this.#sends.close();
    for (const channel of this.#channels) channel.destroy();
    this.#channels.clear();
  }

  async #push(
    body: Buffer,
    tenantId: string | undefined,
    signal: AbortSignal,
  ): Promise<SendResult> {
    const grpc = await loadGrpc();
    const { material, metadata, answerText } = await this.#current(grpc);
    signal.throwIfAborted();
    const channel = this.#channelFor(grpc, material);
    const onAbort = (): void => this.#retire(channel);
    signal.addEventListener('abort', onAbort, { once: true });
    const ended = await channel.push(body, forTenant(metadata, tenantId), signal);
    signal.removeEventListener('abort', onAbort);
    if (ended === undefined) return { kind: 'delivered' };
    const code: number = ended.code;
    if (brokenCodes.includes(code)) this.#retire(channel);
    const connectError = code === unavailable ? channel.connectError : undefined;
    if (connectError !== undefined) {
      return classifyError(this.#where, connectError, (text) => this.#clean(text));
    }
    const answer = {
      code,
      details: answerText(Buffer.from(ended.details), false),
      retryAfter: textOf(ended.metadata, 'retry-after'),
      pushbackMs: textOf(ended.metadata, 'grpc-retry-pushback-ms'),
    };
    return classifyGrpc(this.#where, answer, Date.now());
  }

  /** Files may have changed since the last send. */
  async #current(grpc: Grpc): Promise<Sender> {
    const [identity, material] = await Promise.all([this.#headers.read(), this.#tls?.read()]);
    const known = this.#sender;
    if (known?.identity === identity && known.material === material) return known;
    if (known !== undefined && known.material !== material) {
      this.#log?.info(
        { url: this.#where },
        'the certificates have changed; connections are made anew',
      );
      if (this.#channel !== undefined) this.#retire(this.#channel);
    }
    const secrets = [
      ...identity.secrets,
      ...(material?.secrets ?? []),
      ...(this.#proxy?.secrets ?? []),
    ];
    const metadata = metadataOf(grpc, identity);
    const sender = { identity, material, metadata, answerText: createAnswerText(secrets) };
    this.#sender = sender;
    return sender;
  }

  #clean(text: string): string {
    const { answerText } = this.#sender ?? { answerText: this.#firstText };
    return answerText(Buffer.from(text), false);
  }

  #channelFor(grpc: Grpc, material: TlsMaterial | undefined): GrpcChannel {
    if (this.#channel !== undefined) return this.#channel;
    const channel = new GrpcChannel(grpc, {
      target: this.#target,
      proxy: this.#proxy,
      material,
      timeoutMs: this.#options.timeoutMs,
    });
    this.#channel = channel;
    this.#channels.add(channel);
    return channel;
  }

  /** What is in flight ends on this channel; the next send makes a new one. */
  #retire(channel: GrpcChannel): void {
    if (this.#channel === channel) this.#channel = undefined;
    channel.retire(() => this.#channels.delete(channel));
  }
}

interface ChannelSettings {
  /** `host:port`. */
  readonly target: string;
  readonly proxy: ProxyAddress | undefined;
  readonly material: TlsMaterial | undefined;
  readonly timeoutMs: number;
}

/** One client of the library with its connections, all of which it can end. */
class GrpcChannel {
  /** Why the last connection did not come about, if it got as far as the proxy or TLS. */
  connectError: Error | undefined;
  readonly #settings: ChannelSettings;
  readonly #client: Client;
  readonly #sockets = new Set<Socket>();
  #inFlight = 0;
  #isDestroyed = false;
  #onIdle: (() => void) | undefined;

  constructor(grpc: Grpc, settings: ChannelSettings) {
    this.#settings = settings;
    const { proxy, target } = settings;
    const address = proxy === undefined ? target : hostPortOf(proxy);
    const credentials = credentialsOf(grpc, settings.material !== undefined, async (socket) =>
      this.#connect(socket),
    );
    this.#client = new grpc.Client(`dns:${address}`, credentials, this.#options());
  }

  /** Undefined: the endpoint has it. Never rejects. */
  async push(
    body: Buffer,
    metadata: Metadata,
    signal: AbortSignal,
  ): Promise<ServiceError | undefined> {
    this.#inFlight += 1;
    try {
      return await new Promise<ServiceError | undefined>((resolve) => {
        const deadline = Date.now() + this.#settings.timeoutMs;
        const call = this.#client.makeUnaryRequest(
          method,
          (message: Buffer) => message,
          () => undefined,
          body,
          metadata,
          { deadline },
          (error) => resolve(error ?? undefined),
        );
        signal.addEventListener('abort', () => call.cancel(), { once: true });
      });
    } finally {
      this.#inFlight -= 1;
      if (this.#inFlight === 0) this.#onIdle?.();
    }
  }

  /** Closes it once nothing is in flight, and says so. */
  retire(onClosed: () => void): void {
    this.#onIdle = () => {
      this.destroy();
      onClosed();
    };
    if (this.#inFlight === 0) this.#onIdle();
  }

  /** Ends all connections at once. */
  destroy(): void {
    this.#isDestroyed = true;
    this.#client.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #options(): ChannelOptions {
    const { material, target } = this.#settings;
    return {
      'grpc.default_authority': material?.serverName ?? target,
      'grpc.primary_user_agent': `holdfast/${version}`,
      'grpc.keepalive_time_ms': keepaliveMs,
      'grpc.keepalive_timeout_ms': keepaliveTimeoutMs,
      // Many servers take pings without calls for an attack.
      'grpc.keepalive_permit_without_calls': 0,
      'grpc.initial_reconnect_backoff_ms': reconnectMs,
      'grpc.max_reconnect_backoff_ms': reconnectMs * 10,
      'grpc.max_send_message_length': -1,
      'grpc.max_receive_message_length': grpcAnswerBytesMax,
      // Retrying is the shipper's business, and so is the proxy of the environment.
      'grpc.enable_retries': 0,
      'grpc.enable_http_proxy': 0,
      'grpc.service_config_disable_resolution': 1,
      // A new client must not get the failed connection of an old one.
      'grpc.use_local_subchannel_pool': 1,
      'grpc.enable_channelz': 0,
    };
  }

  /** From a socket that is connected, to the proxy or the endpoint, to one that speaks to it. */
  async #connect(socket: Socket): Promise<Socket> {
    const { proxy, material, target } = this.#settings;
    this.#track(socket);
    try {
      // It may have been on its way when all others were ended.
      if (this.#isDestroyed) throw new Error('the connection is not wanted any more');
      if (proxy !== undefined) await openTunnel(socket, target, proxy.authorization);
      const secure =
        material === undefined
          ? socket
          : await startTls(socket, { ...material, target, protocol: 'h2' });
      this.connectError = undefined;
      return secure;
    } catch (error) {
      this.connectError = error instanceof Error ? error : new Error(String(error));
      socket.destroy();
      throw error;
    }
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => this.#sockets.delete(socket));
  }
}

/**
 * Credentials of the library whose connections are made here: it would show no error codes, take
 * an address for a server name, print what a proxy says, and keep a handshake that hangs forever.
 */
function credentialsOf(
  grpc: Grpc,
  isSecure: boolean,
  connect: (socket: Socket) => Promise<Socket>,
): ChannelCredentials {
  class OwnCredentials extends grpc.ChannelCredentials {
    _isSecure(): boolean {
      return isSecure;
    }

    _equals(other: ChannelCredentials): boolean {
      return this === other;
    }

    _createSecureConnector(): ReturnType<ChannelCredentials['_createSecureConnector']> {
      return {
        connect: async (socket) => ({ socket: await connect(socket), secure: isSecure }),
        waitForReady: async () => undefined,
        getCallCredentials: () => grpc.credentials.createEmpty(),
        destroy: () => undefined,
      };
    }
  }
  return new OwnCredentials();
}

function metadataOf(grpc: Grpc, { headers }: RequestHeaders): Metadata {
  const metadata = new grpc.Metadata();
  for (const [name, value] of Object.entries(headers)) {
    if (!metadataName.test(name)) {
      throw new SettingsError(`the header ${name} cannot be sent over gRPC`);
    }
    metadata.set(name, name.endsWith('-bin') ? Buffer.from(value) : value);
  }
  return metadata;
}

function hostPortOf({ host, port }: ProxyAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The same, but for a tenant that the endpoint's own stands back for. */
function forTenant(metadata: Metadata, tenantId: string | undefined): Metadata {
  if (tenantId === undefined) return metadata;
  const other = metadata.clone();
  other.set('x-scope-orgid', tenantId);
  return other;
}

function textOf(metadata: Metadata | undefined, name: string): string | undefined {
  const value = metadata?.get(name)[0];
  return typeof value === 'string' ? value : undefined;
}
