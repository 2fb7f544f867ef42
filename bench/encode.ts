/**
 * How many entries per second one core encodes: `node bench/encode.ts`.
 * Prints one line per shape; must never touch the network or the disk.
 */
import { PushBatch } from '../src/encode/push-batch.ts';
import { compressBlock } from '../src/encode/snappy.ts';

interface Shape {
  readonly streams: number;
  readonly lineBytes: number;
  readonly batchBytes: number;
}

const shapes: Shape[] = [
  { streams: 1, lineBytes: 100, batchBytes: 1 << 20 },
  { streams: 20, lineBytes: 100, batchBytes: 1 << 20 },
  { streams: 2000, lineBytes: 100, batchBytes: 1 << 20 },
  { streams: 1, lineBytes: 12, batchBytes: 1 << 20 },
  { streams: 1, lineBytes: 1000, batchBytes: 1 << 20 },
];

const source = Buffer.allocUnsafeSlow(1 << 20);
for (let i = 0; i < source.length; i++) source[i] = 32 + ((i * 7 + (i >> 5)) % 90);

/** Encodes for about a second and returns entries per second. */
function run(shape: Shape, batch: PushBatch, labels: readonly string[]): number {
  let entries = 0;
  let from = 0;
  let nanos = 1;
  const began = performance.now();
  while (performance.now() - began < 1000) {
    const handles = labels.map((text) => batch.stream(text));
    while (batch.sizeBytes < shape.batchBytes) {
      const handle = handles[entries % handles.length] ?? 0;
      batch.append(handle, 1_764_000_000, nanos, source, from, from + shape.lineBytes);
      entries += 1;
      nanos = (nanos + 1013) % 1_000_000_000;
      from = from + shape.lineBytes + 33;
      if (from + shape.lineBytes > source.length) from = 0;
    }
    batch.encode();
    batch.reset();
  }
  return entries / ((performance.now() - began) / 1000);
}

for (const shape of shapes) {
  const batch = new PushBatch();
  const labels = Array.from(
    { length: shape.streams },
    (_, n) => `{container_name="service-${n}", host="bench", source="stdout"}`,
  );
  const best = Math.max(...[1, 2, 3].map(() => run(shape, batch, labels)));
  console.log(JSON.stringify({ bench: 'encode', ...shape, linesPerSecond: Math.round(best) }));
}

const raw = Buffer.from(source);
const began = performance.now();
for (let i = 0; i < 50; i++) compressBlock(raw);
const mibPerSecond = Math.round(50 / ((performance.now() - began) / 1000));
console.log(JSON.stringify({ bench: 'snappy', mibPerSecond }));
