/**
 * Child process of benchmarks: writes frames into a FIFO as fast as it takes them, as
 * dockerd would with many busy containers. Arguments: path, line bytes, total megabytes, `random` for
 * lines that do not compress.
 */
import fs from 'node:fs';
import { buildFrames } from './frames.ts';

const [path = '', lineBytes = '100', megabytes = '1', kind] = process.argv.slice(2);
const load = buildFrames(20_000, Number(lineBytes), kind);
const rounds = Math.max(1, Math.round((Number(megabytes) * 1e6) / load.bytes.length));
const fd = fs.openSync(path, 'w');
process.stdout.write(
  `${JSON.stringify({ bytes: rounds * load.bytes.length, frames: rounds * load.frames })}\n`,
);
for (let round = 0; round < rounds; round += 1) {
  let done = 0;
  while (done < load.bytes.length) done += fs.writeSync(fd, load.bytes, done);
}
fs.closeSync(fd);
