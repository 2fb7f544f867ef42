/**
 * Child process of benchmarks: an endpoint that reads the time of printing out of each line
 * (`@<monotonic nanoseconds>@`) and, told so by a line on its standard input, prints the
 * latencies since as one JSON line, in milliseconds.
 */
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { uncompressSync } from 'snappy';

/** Before the time in a line; one byte would be met in lengths, too. */
const mark = '@at ';
const endMark = '@';
let latenciesMs: number[] = [];
let pushes = 0;

function take(body: Buffer): void {
  const nowNs = process.hrtime.bigint();
  const bytes = uncompressSync(body) as Buffer;
  pushes += 1;
  for (let at = bytes.indexOf(mark); at >= 0; ) {
    const start = at + mark.length;
    const end = bytes.indexOf(endMark, start);
    if (end < 0) break;
    const printedNs = BigInt(bytes.toString('latin1', start, end));
    latenciesMs.push(Number(nowNs - printedNs) / 1e6);
    at = bytes.indexOf(mark, end);
  }
}

const server = http.createServer((request, response) => {
  const parts: Buffer[] = [];
  request.on('data', (part: Buffer) => parts.push(part));
  request.on('end', () => {
    take(Buffer.concat(parts));
    response.writeHead(204).end();
  });
});

function report(): void {
  const sorted = latenciesMs.toSorted((a, b) => a - b);
  const at = (part: number): number => sorted[Math.floor((sorted.length - 1) * part)] ?? Number.NaN;
  const figures = {
    lines: sorted.length,
    pushes,
    medianMs: at(0.5),
    p99Ms: at(0.99),
    maxMs: at(1),
  };
  process.stdout.write(`${JSON.stringify(figures)}\n`);
  latenciesMs = [];
  pushes = 0;
}

process.stdin.on('data', report);
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
