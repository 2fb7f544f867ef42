/**
 * The floor of all benchmarks: a logging plugin that reads what containers print and throws it
 * away. It also is the subject of the packaging tests, so it must never use more of Node than
 * a plugin needs, nor wait inside `StopLogging` for anything but an empty pipe.
 */
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';

const socketPath = process.env['HOLDFAST_SOCKET'] ?? '/run/docker/plugins/holdfast.sock';
/** What a pipe holds at most, so that one read can empty it. */
const readBytesMax = 64 * 1024;
const requestBytesMax = 1 << 20;

const readers = new Map<string, { fd: number; socket: net.Socket }>();
const buffer = Buffer.allocUnsafe(readBytesMax);

/** Opens a FIFO that dockerd has made; `O_NONBLOCK` lets libuv poll it without a pool thread. */
function startLogging(file: string): void {
  if (readers.has(file)) return;
  const fd = fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  // The type of `onread` asks for a connection's options, which a plain descriptor has not.
  const options: net.SocketConstructorOpts = {
    fd,
    readable: true,
    writable: false,
    onread: { buffer, callback: () => true },
  };
  const socket = new net.Socket(options);
  socket.on('error', () => socket.destroy());
  socket.on('close', () => readers.delete(file));
  readers.set(file, { fd, socket });
}

/** Empties the pipe before the answer: dockerd removes the FIFO right after it. */
function stopLogging(file: string): void {
  const reader = readers.get(file);
  if (reader === undefined) return;
  readers.delete(file);
  reader.socket.pause();
  drain(reader.fd);
  reader.socket.destroy();
}

function drain(fd: number): void {
  try {
    while (fs.readSync(fd, buffer) > 0) {
      // Thrown away, as everything here.
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
  }
}

/** The answer to one call of dockerd; throws what becomes `Err`. */
function answerTo(path: string, body: string): object {
  switch (path) {
    case '/Plugin.Activate':
      return { Implements: ['LogDriver'] };
    case '/LogDriver.Capabilities':
      return { Cap: { ReadLogs: false } };
    case '/LogDriver.StartLogging':
      startLogging(fileOf(body));
      return { Err: '' };
    case '/LogDriver.StopLogging':
      stopLogging(fileOf(body));
      return { Err: '' };
    default:
      throw new Error(`no such call: ${path}`);
  }
}

function fileOf(body: string): string {
  return (JSON.parse(body) as { File: string }).File;
}

const server = http.createServer((request, response) => {
  const chunks: Buffer[] = [];
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > requestBytesMax) request.destroy();
    else chunks.push(chunk);
  });
  request.on('end', () => {
    let answer: object;
    try {
      answer = answerTo(request.url ?? '', Buffer.concat(chunks).toString());
    } catch (error) {
      answer = { Err: String(error) };
    }
    response.setHeader('content-type', 'application/vnd.docker.plugins.v1.2+json');
    response.end(JSON.stringify(answer));
  });
});
// dockerd keeps its connection; one closed under its next call would fail that call.
server.keepAliveTimeout = 0;

// A plugin that was killed leaves its socket behind.
fs.rmSync(socketPath, { force: true });
server.listen(socketPath);
process.once('SIGTERM', () => process.exit(0));
