/**
 * A double of an HTTP proxy: CONNECT, and requests with a whole URL, with a password if one is
 * wanted. It counts what went through, so that a test sees that nothing went beside it.
 */
import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

/** How a proxy behaves; may be changed while it runs. */
export interface ProxyBehaviour {
  /** `user:password` that it asks for. */
  credentials?: string;
  /** Answers everything with this status and lets nothing through. */
  status?: number;
  /** Takes connections and never answers. */
  isMute?: boolean;
  /** The host that every name stands for, for names that nobody else knows. */
  host?: string;
}

/** A running proxy. */
export interface ProxyDouble {
  readonly port: number;
  readonly behaviour: ProxyBehaviour;
  /** What was asked for with CONNECT: `host:port`. */
  readonly tunnels: string[];
  /** What was asked for with a whole URL. */
  readonly forwarded: string[];
}

/** Starts a proxy on 127.0.0.1 that ends with the test. */
export async function startProxy(
  t: TestContext,
  behaviour: ProxyBehaviour = {},
): Promise<ProxyDouble> {
  const tunnels: string[] = [];
  const forwarded: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    forwarded.push(request.url ?? '');
    const refusal = refusalOf(request, behaviour);
    if (behaviour.isMute === true) return;
    if (refusal !== undefined) {
      response.writeHead(refusal).end('the proxy refuses');
      return;
    }
    const { 'proxy-authorization': _secret, ...headers } = request.headers;
    const url = new URL(request.url ?? '');
    url.hostname = behaviour.host ?? url.hostname;
    const target = httpRequest(url, { method: request.method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    target.on('error', () => response.writeHead(502).end());
    request.pipe(target);
  });
  const track = (socket: Socket): Socket => {
    sockets.add(socket);
    return socket.on('error', () => socket.destroy()).on('close', () => sockets.delete(socket));
  };
  server.on('connection', track);
  server.on('connect', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    tunnels.push(request.url ?? '');
    if (behaviour.isMute === true) return;
    const refusal = refusalOf(request, behaviour);
    if (refusal === undefined) openTunnel(targetOf(request, behaviour), socket, head, track);
    else socket.end(`HTTP/1.1 ${refusal} Refused\r\ncontent-length: 0\r\n\r\n`);
  });
  const port = await listen(server);
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port, behaviour, tunnels, forwarded };
}

/** Host and port that a tunnel is to lead to. */
function targetOf(
  { url = '' }: IncomingMessage,
  { host }: ProxyBehaviour,
): { host: string; port: number } {
  const at = url.lastIndexOf(':');
  return { host: host ?? url.slice(0, at), port: Number(url.slice(at + 1)) };
}

function openTunnel(
  target: { host: string; port: number },
  socket: Socket,
  head: Buffer,
  track: (socket: Socket) => Socket,
): void {
  const other = track(connect(target));
  let isOpen = false;
  other.once('connect', () => {
    isOpen = true;
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
    other.write(head);
    socket.pipe(other).pipe(socket);
  });
  socket.on('close', () => other.destroy());
  other.on('close', () => {
    if (isOpen) socket.destroy();
    else socket.end('HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n');
  });
}

function refusalOf(request: IncomingMessage, behaviour: ProxyBehaviour): number | undefined {
  if (behaviour.status !== undefined) return behaviour.status;
  if (behaviour.credentials === undefined) return undefined;
  const wanted = `Basic ${Buffer.from(behaviour.credentials).toString('base64')}`;
  return request.headers['proxy-authorization'] === wanted ? undefined : 407;
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}
