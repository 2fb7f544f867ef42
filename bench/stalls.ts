/**
 * How long a container has to wait for capture while the sealer works flat out: a whole driver
 * with a dead endpoint and a backlog to seal, and a writer of 100,000 lines a second. With a live
 * endpoint delivery drains the backlog flat out, too. Prints one JSON line. Arguments: seconds
 * (15), gigabytes of backlog (6), directory of a built plugin, endpoint (dead or live).
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { nodeFileSystem as disk } from '../src/base/file-system.ts';
import { containerDirectory, listContainers, readCursors } from '../src/wal/index.ts';
import { fillContainer, openBacklog, settleDisk } from './backlog.ts';
import { BuiltDriver, deadEndpoint } from './built-driver.ts';
import { buildMixedText } from './texts.ts';

const [seconds = '15', gigabytes = '6', built = '', endpoint = 'dead'] = process.argv.slice(2);
const backlogContainers = 12;
const server = spawn(process.execPath, [`${import.meta.dirname}/discard-server.ts`], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
const [port] = (await once(server.stdout, 'data')) as [Buffer];
const env = {
  // What is delivered stays, so that it can be counted.
  ...{ MAX_SIZE: '8g', HISTORY_MAX_AGE: '1h' },
  LOKI_URL: endpoint === 'live' ? `http://127.0.0.1:${port.toString().trim()}` : deadEndpoint,
};
const driver = await BuiltDriver.build(env, built === '' ? undefined : built);

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

/** Bytes of all containers that are acknowledged. */
function deliveredBytes(): number {
  const positions = listContainers(disk, driver.walDir).map((containerId) => {
    const cursors = readCursors(disk, containerDirectory(driver.walDir, containerId), containerId);
    return Math.max(0, ...cursors.map(({ ackLsn }) => ackLsn));
  });
  return positions.reduce((sum, lsn) => sum + lsn, 0);
}

try {
  await fillBacklog();
  await driver.start();
  const fifo = await driver.startContainer();
  const before = { ...count(), delivered: deliveredBytes() };
  const writer = spawn(
    process.execPath,
    [`${import.meta.dirname}/paced-writer.ts`, fifo, '100000', seconds],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const [printed] = (await once(writer.stdout, 'data')) as [Buffer];
  const written = JSON.parse(printed.toString()) as { seconds: number; bytes: number };
  const after = { ...count(), delivered: deliveredBytes() };
  await driver.stopContainer(fifo);
  const sealed = after.sealed - before.sealed;
  console.log(
    JSON.stringify({
      bench: 'stalls',
      endpoint,
      ...written,
      // Of 16 MiB each; what is left to seal shows that the sealer never had a rest.
      ...{ sealedSegments: sealed, segmentsLeft: after.raw },
      sealedMegabytesPerSecond: (sealed * 16.777) / written.seconds,
      deliveredMegabytesPerSecond: (after.delivered - before.delivered) / 1e6 / written.seconds,
    }),
  );
} finally {
  await driver.dispose();
  server.kill();
}
