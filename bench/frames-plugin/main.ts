/**
 * The floor of `docker logs`: a logging plugin that throws away what containers print and answers
 * `ReadLogs` with frames that lie ready in memory, however many the log-opt `lines` says. It must
 * never do more than that.
 */
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { answerWithFrames } from '../frames-server.ts';

const socketPath = process.env['HOLDFAST_SOCKET'] ?? '/run/docker/plugins/holdfast.sock';

const readers = new Map<string, net.Socket>();

/** Opens a FIFO that dockerd has made; `O_NONBLOCK` lets libuv poll it without a pool thread. */
function startLogging(file: string): void {
  if (readers.has(file)) return;
  const fd = fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  const socket = new net.Socket({ fd, readable: true, writable: false });
  socket.on('error', () => socket.destroy());
  socket.on('close', () => readers.delete(file));
  socket.resume();
  readers.set(file, socket);
}

/** What is still in the pipe may go: nobody will ask for it. */
function stopLogging(file: string): void {
  readers.get(file)?.destroy();
}

/** Answers one call of dockerd; throws what becomes `Err`. */
function answer(path: string, body: string, response: http.ServerResponse): void {
  switch (path) {
    case '/Plugin.Activate':
      return answerJson(response, { Implements: ['LogDriver'] });
    case '/LogDriver.Capabilities':
      return answerJson(response, { Cap: { ReadLogs: true } });
    case '/LogDriver.StartLogging':
      startLogging(fileOf(body));
      return answerJson(response, { Err: '' });
    case '/LogDriver.StopLogging':
      stopLogging(fileOf(body));
      return answerJson(response, { Err: '' });
    case '/LogDriver.ReadLogs':
      return answerWithFrames(body, response);
    default:
      throw new Error(`no such call: ${path}`);
  }
}

function answerJson(response: http.ServerResponse, body: object): void {
  response.setHeader('content-type', 'application/vnd.docker.plugins.v1.2+json');
  response.end(JSON.stringify(body));
}

function fileOf(body: string): string {
  return (JSON.parse(body) as { File: string }).File;
}

const server = http.createServer((request, response) => {
  let body = '';
  request.setEncoding('utf8');
  request.on('data', (text: string) => {
    body += text;
  });
  request.on('end', () => {
    try {
      answer(request.url ?? '', body, response);
    } catch (error) {
      answerJson(response, { Err: String(error) });
    }
  });
});
// dockerd keeps its connection; one closed under its next call would fail that call.
server.keepAliveTimeout = 0;

// A plugin that was killed leaves its socket behind.
fs.rmSync(socketPath, { force: true });
server.listen(socketPath);
process.once('SIGTERM', () => process.exit(0));
