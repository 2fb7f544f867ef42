/**
 * Real HTTP and TCP servers on 127.0.0.1 for tests of senders. Each closes with
 * its test, together with all connections, so that none can outlive it.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import {
  type AddressInfo,
  createServer as createTcpServer,
  type Server,
  type Socket,
} from 'node:net';
import type { TestContext } from 'node:test';

/** A request with its whole body. */
export interface Received {
  readonly request: IncomingMessage;
  readonly body: Buffer;
}

/** A running server; the arrays grow as things arrive. */
export interface TestServer {
  readonly url: string;
  readonly received: Received[];
  readonly sockets: Set<Socket>;
  /** How many connections were ever made. */
  connections: number;
}

/** Starts a server that reads each request whole and then calls `answer`. */
export async function startHttp(
  t: TestContext,
  answer: (response: ServerResponse, received: Received) => void,
): Promise<TestServer> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const one = { request, body: Buffer.concat(chunks) };
      received.push(one);
      answer(response, one);
    });
  });
  return listen(t, server, received);
}

/** Starts a server that gets the bare socket of each connection. */
export async function startTcp(
  t: TestContext,
  connected: (socket: Socket) => void,
): Promise<TestServer> {
  return listen(t, createTcpServer(connected), []);
}

async function listen(t: TestContext, server: Server, received: Received[]): Promise<TestServer> {
  const sockets = new Set<Socket>();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const running = { url: `http://127.0.0.1:${port}/push`, received, sockets, connections: 0 };
  server.on('connection', (socket: Socket) => {
    running.connections += 1;
    sockets.add(socket);
    // A client that goes away is what many of these tests are about.
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
  });
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return running;
}
