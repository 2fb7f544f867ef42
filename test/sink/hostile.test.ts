/**
 * Servers that say anything at any time, in pieces, and end when they like. Whatever they do, a
 * send ends in time with a result, and what was not surely taken is not called delivered.
 */
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { createSink } from '../../src/sink/create.ts';
import { startTcp } from '../helpers/http-server.ts';
import { push, sinkOptions, startDouble } from '../helpers/sink-options.ts';

const timeoutMs = 300;
const lateMsMax = 5000;

interface Script {
  /** What is sent, piece by piece, after the first bytes of the client. */
  readonly pieces: readonly Uint8Array[];
  readonly end: 'end' | 'reset' | 'wait';
  /** Whether it speaks before the client does. */
  readonly isFirst: boolean;
}

const fragments = [
  'HTTP/1.1 ',
  '200 OK\r\n',
  '400 Bad Request\r\n',
  '100 Continue\r\n\r\n',
  'content-length: 5\r\n',
  'content-length: -1\r\n',
  'transfer-encoding: chunked\r\n',
  'retry-after: 99999999999999999999\r\n',
  'content-type: text/html\r\n',
  'connection: upgrade\r\nupgrade: h2c\r\n',
  '\r\n',
  'ffffffffffffffff\r\n',
  '0\r\n\r\n',
  '\u0000',
].map((text) => Buffer.from(text));

// Beginnings of HTTP/2 frames: settings, acknowledgement, GOAWAY, headers, data, RST_STREAM.
const frames = [
  [0, 0, 0, 4, 0, 0, 0, 0, 0],
  [0, 0, 0, 4, 1, 0, 0, 0, 0],
  [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2],
  [0, 0, 1, 1, 4, 0, 0, 0, 1, 0x88],
  [0, 0, 1, 1, 5, 0, 0, 0, 1, 0x88],
  [0, 0, 5, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0],
  [0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 7],
  [0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1],
].map((bytes) => Buffer.from(bytes));

const script = fc.record<Script>({
  pieces: fc.array(
    fc.oneof(fc.constantFrom(...fragments), fc.constantFrom(...frames), fc.uint8Array()),
    { maxLength: 8 },
  ),
  end: fc.constantFrom('end', 'reset', 'wait'),
  isFirst: fc.boolean(),
});

function perform(socket: Socket, { pieces, end, isFirst }: Script): void {
  const speak = (): void => {
    for (const piece of pieces) socket.write(piece);
    if (end === 'end') socket.end();
    else if (end === 'reset') socket.resetAndDestroy();
  };
  socket.on('error', () => undefined).resume();
  if (isFirst) speak();
  else socket.once('data', speak);
}

for (const scheme of ['http', 'https', 'grpc', 'grpcs']) {
  test(`${scheme}: whatever a server says, a send ends in time and rejects never`, async (t) => {
    let current: Script = { pieces: [], end: 'end', isFirst: false };
    const server = await startTcp(t, (socket) => perform(socket, current));
    const url = server.url.replace('http:', `${scheme}:`);
    const run = async (next: Script): Promise<void> => {
      current = next;
      const sink = createSink(sinkOptions(url, { timeoutMs }));
      const began = performance.now();
      const result = await push(sink);
      assert.ok(performance.now() - began < timeoutMs + lateMsMax);
      // Only a whole head with this status is a delivery.
      const said = Buffer.concat(next.pieces).toString('latin1');
      const isTaken = scheme === 'http' && said.includes('HTTP/1.1 200 OK\r\n');
      if (!isTaken) assert.notEqual(result.kind, 'delivered', JSON.stringify(said));
      if (result.kind !== 'delivered') assert.ok(result.reason.length <= 800);
      await sink.close();
      // A connection that is left would be one for each attempt.
      for (const socket of server.sockets) socket.destroy();
    };
    const property = fc.asyncProperty(script, run);
    await fc.assert(property, { numRuns: 60, interruptAfterTimeLimit: 20_000 });
  });
}

test('IPv6 addresses are addresses, over HTTP and gRPC', async (t) => {
  const double = await startDouble(t, {}, { host: '::1' });
  const at = (url: string): string => url.replace('::1', '[::1]');
  for (const url of [`${at(double.url)}/loki/api/v1/push`, at(double.grpcUrl)]) {
    const sink = createSink(sinkOptions(url));
    assert.deepEqual(await push(sink), { kind: 'delivered' });
    await sink.close();
  }
});
