/**
 * How fast the double takes lines: it runs as a process of its own, and this one sends
 * batches that were made beforehand, so that the double is what is measured.
 *
 *   node test/helpers/loki-double/bench.ts [--lines 2000000] [--streams 10] [--mode '"up"']
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { parseArgs } from 'node:util';
import { compressSync } from 'snappy';
import { PushBatch } from '../../../src/encode/push-batch.ts';

const { values } = parseArgs({
  options: {
    lines: { type: 'string', default: '2000000' },
    streams: { type: 'string', default: '10' },
    mode: { type: 'string', default: '{"kind":"up"}' },
    connections: { type: 'string', default: '2' },
  },
});
const lines = Number(values.lines);
const streams = Number(values.streams);
const linesPerBatch = 10_000;
const agent = new Agent({ keepAlive: true });

function makeBodies(): Buffer[] {
  const batch = new PushBatch();
  const bodies: Buffer[] = [];
  const seconds = Math.floor(Date.now() / 1000) - 600;
  for (let first = 1; first <= lines; first += linesPerBatch) {
    for (let number = first; number < first + linesPerBatch; number++) {
      const stream = batch.stream(`{container="c${number % streams}", host="bench"}`);
      const filler = Math.imul(number, 0x9e3779b1).toString(36);
      const line = Buffer.from(`line ${number} `.padEnd(100, `${filler} holdfast `));
      batch.append(stream, seconds + Math.floor(number / 1e6), (number % 1e6) * 1000, line, 0, 100);
    }
    bodies.push(compressSync(batch.encode()));
    batch.reset();
  }
  return bodies;
}

async function push(url: string, body: Buffer): Promise<void> {
  const headers = { 'content-type': 'application/x-protobuf', 'content-length': body.length };
  const sent = httpRequest(`${url}/loki/api/v1/push`, { method: 'POST', agent, headers });
  sent.end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  response.resume();
  await once(response, 'end');
  if (response.statusCode !== 204) throw new Error(`answered ${response.statusCode ?? 0}`);
}

async function sendAll(url: string, bodies: Buffer[]): Promise<number> {
  const started = performance.now();
  let next = 0;
  const sender = async () => {
    for (let body = bodies[next++]; body !== undefined; body = bodies[next++]) {
      await push(url, body);
    }
  };
  await Promise.all(Array.from({ length: Number(values.connections) }, sender));
  return (performance.now() - started) / 1000;
}

const bodies = makeBodies();
const main = new URL('main.ts', import.meta.url).pathname;
const child = spawn(process.execPath, [main, '--port', '0', '--mode', values.mode], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
const [ready] = (await once(child.stdout, 'data')) as [Buffer];
const [, , url = '', , control = ''] = ready.toString().trim().split(' ');
const report = (name: string, seconds: number) => {
  process.stdout.write(
    `${name}: ${seconds.toFixed(2)} s, ${Math.round(lines / seconds).toLocaleString('en')} lines/s\n`,
  );
};
report('first', await sendAll(url, bodies));
report('again (all duplicates)', await sendAll(url, bodies));
const started = performance.now();
const check = `${control}/double/check?pattern=line%20&count=${lines}`;
const { summary } = (await (await fetch(check)).json()) as { summary: string };
report(`check (${summary})`, (performance.now() - started) / 1000);
const stats = await (await fetch(`${control}/double/stats`)).text();
process.stdout.write(stats);
child.kill('SIGTERM');
await once(child, 'exit');
agent.destroy();
