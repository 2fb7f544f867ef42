/**
 * How long a container has to wait for capture while the sealer works flat out: a whole driver
 * with a dead endpoint and a backlog to seal, and a writer of 100,000 lines a second. Prints
 * one JSON line. Arguments: seconds (15), gigabytes of backlog (6), directory of a built plugin.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fillContainer, openBacklog, settleDisk } from './backlog.ts';
import { BuiltDriver } from './built-driver.ts';
import { buildMixedText } from './texts.ts';

const [seconds = '15', gigabytes = '6', built] = process.argv.slice(2);
const backlogContainers = 12;
const driver = await BuiltDriver.build({}, built);

/** Containers that have ended and of which nothing is delivered, all of it raw. */
async function fillBacklog(): Promise<void> {
  const root = driver.walDir;
  await openBacklog(root);
  const { bytes: text } = buildMixedText(4_000_000, Date.now());
  const rounds = Math.ceil((Number(gigabytes) * 1e9) / backlogContainers / text.length);
  for (let number = 0; number < backlogContainers; number += 1) {
    await fillContainer({ root, number, text, rounds, segmentBytes: 16 << 20 });
  }
  settleDisk();
}

function count(): { raw: number; sealed: number } {
  const names = driver.segments().map(({ name }) => name);
  const sealed = names.filter((name) => name.endsWith('.z')).length;
  return { raw: names.length - sealed, sealed };
}

try {
  await fillBacklog();
  await driver.start();
  const fifo = await driver.startContainer();
  const before = count();
  const writer = spawn(
    process.execPath,
    [`${import.meta.dirname}/paced-writer.ts`, fifo, '100000', seconds],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const [printed] = (await once(writer.stdout, 'data')) as [Buffer];
  const written = JSON.parse(printed.toString()) as { seconds: number; bytes: number };
  const after = count();
  await driver.stopContainer(fifo);
  const sealed = after.sealed - before.sealed;
  console.log(
    JSON.stringify({
      bench: 'stalls',
      ...written,
      // Of 16 MiB each; what is left to seal shows that the sealer never had a rest.
      ...{ sealedSegments: sealed, segmentsLeft: after.raw },
      sealedMegabytesPerSecond: (sealed * 16.777) / written.seconds,
    }),
  );
} finally {
  await driver.dispose();
}
