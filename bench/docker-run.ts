/**
 * `docker run` of 1,000,000 lines of 100 bytes on a real, private engine: holdfast with a dead
 * and with a live endpoint, beside a plugin that discards (the floor), json-file and local.
 * Runs are interleaved; the median counts. Prints one JSON line. Argument: rounds (5). Root.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { parseArgs } from 'node:util';
import { buildPlugin } from '../scripts/build-plugin.ts';
import { Engine } from '../scripts/lib/engine.ts';
import { run } from '../scripts/lib/run.ts';

const { positionals } = parseArgs({ allowPositionals: true });
const rounds = Number(positionals[0] ?? 5);
const lines = 1_000_000;
const port = 3191;

/** Each contender: driver and options. */
const contenders: [name: string, ...args: string[]][] = [
  // It reads no logs, so dockerd would keep a copy beside it, which holdfast does not cost.
  ['discard', '--log-driver', 'discard', '--log-opt', 'cache-disabled=true'],
  [
    'holdfast, dead endpoint',
    '--log-driver',
    'holdfast',
    '--log-opt',
    'loki-url=http://127.0.0.1:9',
  ],
  [
    'holdfast, live endpoint',
    '--log-driver',
    'holdfast',
    '--log-opt',
    `loki-url=http://127.0.0.1:${port}`,
  ],
  ['json-file', '--log-driver', 'json-file'],
  ['local', '--log-driver', 'local'],
  ['none', '--log-driver', 'none'],
];

const engine = new Engine();
const double = spawn(
  process.execPath,
  [`${import.meta.dirname}/../test/helpers/loki-double/main.ts`, '--port', String(port)],
  { stdio: ['ignore', 'pipe', 'inherit'] },
);
try {
  await once(double.stdout, 'data');
  await engine.start();
  await importImage();
  await installPlugin('discard', { main: `${import.meta.dirname}/discard-plugin/main.ts` });
  await installPlugin('holdfast', {});
  const seconds = new Map<string, number[]>(contenders.map(([name]) => [name, []]));
  for (let round = 0; round <= rounds; round += 1) {
    for (const [name, ...args] of contenders) {
      const took = await runOnce(args);
      // The first round only warms up.
      if (round > 0) seconds.get(name)?.push(took);
      process.stderr.write(`round ${round}/${rounds} ${name}: ${took.toFixed(2)} s\n`);
    }
  }
  console.log(JSON.stringify({ bench: 'docker-run', lines, rounds, ...summary(seconds) }));
} finally {
  double.kill();
  await engine.dispose();
}

async function importImage(): Promise<void> {
  const root = `${engine.directory}/bench-image`;
  fs.mkdirSync(`${root}/bin`, { recursive: true });
  fs.copyFileSync('/bin/busybox', `${root}/bin/cat`);
  fs.chmodSync(`${root}/bin/cat`, 0o755);
  const text: string[] = [];
  for (let index = 0; index < lines; index += 1) {
    text.push(`${index} GET /api/items/${index * 7919} 200 `.padEnd(99, 'abcdefghij klmnopqrst'));
  }
  fs.writeFileSync(`${root}/lines`, `${text.join('\n')}\n`);
  await run('tar', ['-cf', `${root}.tar`, '-C', root, '.']);
  await engine.docker('import', `${root}.tar`, 'bench');
  fs.rmSync(root, { recursive: true });
  fs.rmSync(`${root}.tar`);
}

async function installPlugin(name: string, options: { main?: string }): Promise<void> {
  const out = `${engine.directory}/plugin-${name}`;
  await buildPlugin({ out, ...options });
  await engine.docker('plugin', 'create', name, out);
  await engine.docker('plugin', 'enable', name);
  fs.rmSync(out, { recursive: true });
}

/** Seconds from `docker run` until the container has ended and its log is taken. */
async function runOnce(args: string[]): Promise<number> {
  const startedMs = performance.now();
  await engine.docker(
    'run',
    '-d',
    '--name',
    'bench',
    '--network',
    'none',
    ...args,
    'bench',
    'cat',
    '/lines',
  );
  await engine.docker('wait', 'bench');
  const took = (performance.now() - startedMs) / 1000;
  await engine.docker('rm', '-f', 'bench');
  return took;
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function summary(seconds: Map<string, number[]>): object {
  const floor = median(seconds.get('discard') ?? []);
  const rows = [...seconds].map(([name, values]) => {
    const value = median(values);
    return [name, { seconds: value, toFloor: value / floor }] as const;
  });
  return { drivers: Object.fromEntries(rows) };
}
