/**
 * Pushes batches to one Loki over HTTP. The only door to undici.
 * A server, however slow or hostile, must never hold a send longer than the
 * timeout, nor make it read more than a few KiB, nor get a secret into a reason.
 */
import { connect, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { callbackify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { buildConnector, type Dispatcher, Pool } from 'undici';
import { errnoOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { version } from '../base/version.ts';
import { encodeLokiJson } from '../encode/loki-json.ts';
import { compressBlock } from '../encode/snappy.ts';
import { type AnswerText, createAnswerText } from './answer-text.ts';
import { classifyAnswer } from './classify.ts';
import { classifyError } from './classify-error.ts';
import { HeaderReader, type RequestHeaders, secretsInOptions } from './header-reader.ts';
import { Sends } from './sends.ts';
import type { SendResult, Sink, SinkOptions } from './sink.ts';
import { type StartTlsOptions, startTls } from './start-tls.ts';
import { type TlsMaterial, TlsReader } from './tls-reader.ts';
import { openTunnel, type ProxyAddress, parseProxyUrl } from './tunnel.ts';

const connectionsMax = 4;
// What of an answer is looked at, and what is read on, so that the connection can be used again.
const answerBytesKept = 4 * 1024;
const answerBytesDrained = 64 * 1024;
// Once the status is known, the rest of the answer may take this long at most.
const answerBodyMsMax = 1000;
const headerBytesMax = 16 * 1024;
// A shorter value in the query is a word (`msg`), not a token; hiding it would garble reasons.
const tokenLengthMin = 8;
// Level 1: three times as fast as the default for a tenth more bytes.
const gzipLevel = 1;

/** Makes the sink of one endpoint. Opens no connection and no file before the first send. */
export function createLokiHttpSink(options: SinkOptions, log?: Log): Sink {
  return new LokiHttpSink(options, log);
}

/** What a send needs and what changes when a file does. */
interface Sender {
  readonly identity: RequestHeaders;
  readonly material: TlsMaterial | undefined;
  readonly answerText: AnswerText;
}

class LokiHttpSink implements Sink {
  readonly #options: SinkOptions;
  readonly #log: Log | undefined;
  readonly #url: URL;
  readonly #proxy: ProxyAddress | undefined;
  readonly #where: string;
  readonly #headers: HeaderReader;
  readonly #tls: TlsReader | undefined;
  readonly #sends: Sends;
  /** Until the first send has read the files. */
  readonly #firstText: AnswerText;
  #sender: Sender | undefined;
  #pool: Pool | undefined;
  readonly #pools = new Set<Pool>();
  /** What TLS said of a connection that had been made, such as that it lacks a certificate. */
  #tlsError: Error | undefined;

  constructor(options: SinkOptions, log: Log | undefined) {
    this.#options = options;
    this.#log = log;
    this.#url = new URL(options.url);
    if (options.proxyUrl !== undefined) this.#proxy = parseProxyUrl(options.proxyUrl);
    const through = this.#proxy === undefined ? '' : ` through the proxy ${this.#proxy.origin}`;
    this.#where = `${this.#url.origin}${through}`;
    this.#headers = new HeaderReader(options);
    const secrets = [...secretsInOptions(options), ...(this.#proxy?.secrets ?? [])];
    this.#firstText = createAnswerText(secrets);
    if (this.#url.protocol === 'https:') this.#tls = new TlsReader(options.tls);
    this.#sends = new Sends(options.timeoutMs, (error) => this.#explain(error));
  }

  encode(request: Buffer): Buffer {
    if (this.#options.encoding === 'protobuf') return compressBlock(request);
    return gzipSync(encodeLokiJson(request), { level: gzipLevel });
  }

  async send(body: Buffer, tenantId?: string): Promise<SendResult> {
    const tenant = tenantId === undefined ? {} : { 'x-scope-orgid': tenantId };
    return this.#sends.run((signal, answered) => this.#push(body, tenant, signal, answered));
  }

  async close(): Promise<void> {
    this.#sends.close();
    await Promise.all([...this.#pools].map((pool) => pool.destroy()));
  }

  async #push(
    body: Buffer,
    tenant: Record<string, string>,
    signal: AbortSignal,
    answered: () => void,
  ): Promise<SendResult> {
    const { identity, material, answerText } = await this.#current();
    signal.throwIfAborted();
    this.#tlsError = undefined;
    const pool = this.#poolFor(material);
    const { path, headers } = this.#target();
    const answer = await pool.request({
      method: 'POST',
      path,
      headers: { ...identity.headers, ...headers, ...tenant },
      body,
      signal,
    });
    answered();
    const beginning = await readBeginning(answer.body);
    const read = {
      status: answer.statusCode,
      retryAfter: firstOf(answer.headers['retry-after']),
      text: answerText(beginning, beginning.length === answerBytesKept),
      isHtml: /^text\/html\b/i.test(firstOf(answer.headers['content-type']) ?? ''),
    };
    return classifyAnswer(this.#where, read, Date.now());
  }

  /** Files may have changed since the last send. */
  async #current(): Promise<Sender> {
    const [identity, material] = await Promise.all([this.#headers.read(), this.#tls?.read()]);
    const known = this.#sender;
    if (known?.identity === identity && known.material === material) return known;
    const secrets = [
      ...identity.secrets,
      ...(material?.secrets ?? []),
      ...(this.#proxy?.secrets ?? []),
      ...[...this.#url.searchParams.values()].filter(({ length }) => length >= tokenLengthMin),
    ];
    if (known !== undefined && known.material !== material) {
      this.#log?.info(
        { url: this.#where },
        'the certificates have changed; connections are made anew',
      );
      this.#retire();
    }
    const sender = { identity, material, answerText: createAnswerText(secrets) };
    this.#sender = sender;
    return sender;
  }

  #explain(error: unknown): SendResult {
    // undici says of a connection that TLS has ended only that it has ended.
    const known = errnoOf(error) === 'UND_ERR_SOCKET' ? this.#tlsError : undefined;
    return classifyError(this.#where, known ?? error, (text) => this.#clean(text));
  }

  #clean(text: string): string {
    const { answerText } = this.#sender ?? { answerText: this.#firstText };
    return answerText(Buffer.from(text), false);
  }

  /** What is sent to a plain endpoint through a proxy is sent to the proxy, with the whole URL. */
  #target(): { path: string; headers: Record<string, string> } {
    const { encoding } = this.#options;
    const isJson = encoding === 'json';
    const headers: Record<string, string> = {
      'content-type': isJson ? 'application/json' : 'application/x-protobuf',
      'user-agent': `holdfast/${version}`,
    };
    if (isJson) headers['content-encoding'] = 'gzip';
    const path = `${this.#url.pathname}${this.#url.search}`;
    if (this.#proxy === undefined || this.#tls !== undefined) return { path, headers };
    headers['host'] = this.#url.host;
    const { authorization } = this.#proxy;
    if (authorization !== undefined) headers['proxy-authorization'] = authorization;
    return { path: `${this.#url.origin}${path}`, headers };
  }

  #poolFor(material: TlsMaterial | undefined): Pool {
    if (this.#pool !== undefined) return this.#pool;
    const { timeoutMs } = this.#options;
    const isForwarded = this.#proxy !== undefined && material === undefined;
    const pool = new Pool(isForwarded ? this.#proxy.origin : this.#url.origin, {
      connections: connectionsMax,
      pipelining: 1,
      maxHeaderSize: headerBytesMax,
      connect: this.#connector(material),
      // The deadline of a send is kept by Sends; these only stop what outlives it.
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
    });
    this.#pool = pool;
    this.#pools.add(pool);
    return pool;
  }

  /** With TLS or without, and with TLS through the proxy if there is one. */
  #connector(material: TlsMaterial | undefined): buildConnector.connector {
    const { timeoutMs: timeout } = this.#options;
    // HTTP/2 would put all sends on one connection, and one cut would end them all.
    const base = { timeout, allowH2: false };
    if (material === undefined) return buildConnector(base);
    const { context: secureContext, isVerified: rejectUnauthorized, serverName } = material;
    const connectTls = buildConnector({ ...base, secureContext, rejectUnauthorized });
    const watch = (socket: Socket, callback: buildConnector.Callback): void => {
      socket.once('error', (error) => {
        if (errnoOf(error)?.startsWith('ERR_SSL_') === true) this.#tlsError = error;
      });
      callback(null, socket);
    };
    const proxy = this.#proxy;
    if (proxy !== undefined) {
      const target = `${this.#url.hostname}:${this.#url.port === '' ? '443' : this.#url.port}`;
      const settings = { ...material, target, protocol: 'http/1.1' };
      return (_options, callback) => {
        connectThrough(proxy, settings, timeout, (error, socket) => {
          if (error === null) watch(socket, callback);
          else callback(error, null);
        });
      };
    }
    return (options, callback) => {
      const wanted = serverName === undefined ? options : { ...options, servername: serverName };
      connectTls(wanted, (error, socket) => {
        if (error === null) watch(socket, callback);
        else callback(error, null);
      });
    };
  }

  /** What is in flight ends on the old connections; the next send makes new ones. */
  #retire(): void {
    const pool = this.#pool;
    this.#pool = undefined;
    if (pool === undefined) return;
    const forget = (): void => void this.#pools.delete(pool);
    pool.close().then(forget, forget);
  }
}

/** TLS with the endpoint through the proxy, within `timeoutMs`. */
async function openThrough(
  proxy: ProxyAddress,
  settings: StartTlsOptions,
  timeoutMs: number,
): Promise<Socket> {
  const socket = connect({ host: proxy.host, port: proxy.port, noDelay: true });
  // The last word on an error has whoever waits for the socket at that moment.
  socket.on('error', () => undefined);
  const expire = (): void => void socket.destroy(new Error('the proxy did not answer in time'));
  const timer = setTimeout(expire, timeoutMs);
  try {
    await openTunnel(socket, settings.target, proxy.authorization);
    return await startTls(socket, settings);
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

const connectThrough = callbackify(openThrough);

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

function firstOf(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}
