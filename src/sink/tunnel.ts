/**
 * A way through an HTTP proxy: CONNECT on a socket that is connected to it. It must never wait
 * longer than the socket lives (whoever owns the socket ends it in time), and never show the
 * credentials for the proxy.
 */
import type { Socket } from 'node:net';

/** The largest answer to CONNECT, in bytes. */
const answerBytesMax = 16 * 1024;

const headEnd = Buffer.from('\r\n\r\n');

/** Where a proxy is and how it knows us. */
export interface ProxyAddress {
  readonly host: string;
  readonly port: number;
  /** `http://host:port` without userinfo, for people. */
  readonly origin: string;
  /** The value of Proxy-Authorization; secret. */
  readonly authorization?: string;
  /** What must not be shown. */
  readonly secrets: readonly string[];
}

/** There is no way through the proxy. `status` is what it answered, if it did. */
export class TunnelError extends Error {
  readonly status: number | undefined;

  constructor(message: string, status?: number) {
    super(message);
    this.name = 'TunnelError';
    this.status = status;
  }
}

/**
 * The parts of `http://[user:password@]host[:port]`. Throws TypeError, without the text, on
 * anything else.
 */
export function parseProxyUrl(text: string): ProxyAddress {
  const url = URL.parse(text);
  if (url === null || url.protocol !== 'http:' || url.hostname === '') {
    throw new TypeError('the proxy is not http://host:port');
  }
  const address = {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? 80 : Number(url.port),
    origin: url.origin,
  };
  if (url.username === '' && url.password === '') return { ...address, secrets: [] };
  const user = decoded(url.username);
  const password = decoded(url.password);
  const token = Buffer.from(`${user}:${password}`).toString('base64');
  const secrets = [url.password, password, token].filter((secret) => secret !== '');
  return { ...address, authorization: `Basic ${token}`, secrets };
}

/**
 * Asks the proxy at the other end of `socket` to connect to `target` (`host:port`). Resolves when
 * the socket leads there; rejects with TunnelError, or with the error of the socket.
 */
export async function openTunnel(
  socket: Socket,
  target: string,
  authorization: string | undefined,
): Promise<void> {
  const credentials =
    authorization === undefined ? '' : `Proxy-Authorization: ${authorization}\r\n`;
  socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n${credentials}\r\n`);
  const { head, rest } = await readHead(socket);
  const status = Number(/^HTTP\/1\.[01] (\d{3})\b/.exec(head)?.[1] ?? Number.NaN);
  if (Number.isNaN(status)) throw new TunnelError('the proxy does not answer in HTTP');
  if (status < 200 || status > 299) {
    throw new TunnelError(`the proxy answered ${status} to CONNECT`, status);
  }
  // The endpoint may have spoken first, and the proxy may have sent both at once.
  if (rest.length > 0) socket.unshift(rest);
}

function readHead(socket: Socket): Promise<{ head: string; rest: Buffer }> {
  return new Promise((resolve, reject) => {
    let read = Buffer.alloc(0);
    const finish = (): void => {
      socket.pause();
      socket.off('data', onData).off('error', onError).off('close', onClose);
    };
    const fail = (error: Error): void => {
      finish();
      reject(error);
    };
    const onError = (error: Error): void => fail(error);
    const onClose = (): void => fail(new TunnelError('the proxy closed the connection'));
    const onData = (chunk: Buffer): void => {
      read = Buffer.concat([read, chunk]);
      const end = read.indexOf(headEnd);
      if (end >= 0) {
        finish();
        const rest = read.subarray(end + headEnd.length);
        resolve({ head: read.toString('latin1', 0, end), rest });
      } else if (read.length > answerBytesMax) {
        fail(new TunnelError('the answer of the proxy is too long'));
      }
    };
    socket.on('data', onData).on('error', onError).on('close', onClose);
  });
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
