/**
 * `docker logs` of 1,000,000 lines of 100 bytes and `docker logs --tail 10`, on a real, private
 * engine: holdfast beside json-file, local and a plugin that answers from memory (the floor), of
 * running and of stopped containers. Rounds are interleaved; the median counts. Prints one JSON
 * line; about four minutes. Arguments: rounds (5), lines (1000000), directory of a built plugin.
 * Root, in scripts/in-netns.sh.
 */
import { floorName, LogsEngine, median, type Printer } from './logs-engine.ts';

const [rounds = '5', count = '1000000', built] = process.argv.slice(2);
const lines = Number(count);
/** What fits into one segment, the largest there is, and so is not compressed. */
const rawLines = Math.min(500_000, Math.floor(lines / 2));
const tailLines = 10;

interface Contender extends Printer {
  /** Whose seconds the ratio is to. */
  floor?: string;
}

const sealed = 'holdfast, sealed';
const raw = 'holdfast, raw half';
/** Each contender; names of containers are those without what is in no name. */
const contenders: Record<string, Contender> = {
  floor: { name: 'floor', driver: floorName, lines, options: { lines: count } },
  [sealed]: {
    name: 'sealed',
    driver: 'holdfast',
    lines,
    floor: 'floor',
    options: { 'wal-segment-age': '1s' },
  },
  'floor, half': {
    name: 'floor-half',
    driver: floorName,
    lines: rawLines,
    options: { lines: String(rawLines) },
  },
  [raw]: {
    name: 'raw',
    driver: 'holdfast',
    lines: rawLines,
    floor: 'floor, half',
    options: { 'wal-segment-size': '64m', 'wal-segment-age': '24h' },
  },
  'json-file': { name: 'json-file', driver: 'json-file', lines, floor: 'floor' },
  // Its default keeps less than this.
  local: {
    name: 'local',
    driver: 'local',
    lines,
    floor: 'floor',
    options: { 'max-size': '10g', 'max-file': '2' },
  },
};

/** What was measured of one contender, in seconds and milliseconds. */
interface Figures {
  lines: number;
  seconds: number;
  /** Seconds over the floor's with as many lines. */
  toFloor: number;
  tailMs: number;
}

const logs = new LogsEngine();

/** Measures all of these in turns, and one round before to warm up. */
async function measure(names: readonly string[]): Promise<Record<string, Figures>> {
  const whole = new Map<string, number[]>(names.map((name) => [name, []]));
  const tails = new Map<string, number[]>(names.map((name) => [name, []]));
  for (let round = 0; round <= Number(rounds); round += 1) {
    for (const name of names) {
      const container = contenders[name]?.name ?? '';
      const tail = await logs.secondsOf(container, '--tail', String(tailLines));
      const seconds = await logs.secondsOf(container);
      process.stderr.write(
        `round ${round} ${name}: ${seconds.toFixed(2)} s, tail ${tail.toFixed(3)} s\n`,
      );
      if (round === 0) continue;
      whole.get(name)?.push(seconds);
      tails.get(name)?.push(tail * 1000);
    }
  }
  const secondsOf = (name = ''): number => median(whole.get(name) ?? []);
  const figures = names.map((name): [string, Figures] => {
    const { floor = name, lines: ofContender = 0 } = contenders[name] ?? {};
    const seconds = secondsOf(name);
    const toFloor = seconds / secondsOf(floor);
    const tailMs = median(tails.get(name) ?? []);
    return [name, { lines: ofContender, seconds, toFloor, tailMs }];
  });
  return Object.fromEntries(figures);
}

/** The segments are what the names say. */
async function checkSegments(): Promise<void> {
  await logs.sealed('sealed');
  const files = await logs.segments('raw');
  if (files.length !== 1 || !files.every((file) => file.endsWith('.w'))) {
    throw new Error(`not one raw segment: ${files.join(' ')}`);
  }
}

/** Nobody is quick because something is missing. */
async function checkLines(): Promise<void> {
  for (const { name, lines: printed } of Object.values(contenders)) {
    const got = await logs.countLines(name);
    const tail = await logs.countLines(name, '--tail', String(tailLines));
    if (got !== printed || tail !== tailLines) {
      throw new Error(`${name} has ${got} lines of ${printed}, and ${tail} at its end`);
    }
  }
}

try {
  await logs.start(built);
  for (const contender of Object.values(contenders)) await logs.print(contender);
  await checkSegments();
  await checkLines();
  const running = await measure(Object.keys(contenders));
  const whole = Object.keys(contenders).filter((name) => contenders[name]?.lines === lines);
  await logs.docker('kill', ...Object.values(contenders).map(({ name }) => name));
  await logs.sealed('sealed');
  const stopped = await measure(whole);
  // The thread that reads logs is started by the first who asks.
  await logs.restartPlugin();
  const firstTailMs = (await logs.secondsOf('sealed', '--tail', String(tailLines))) * 1000;
  const tailed = { running, stopped, firstTailMs };
  console.log(JSON.stringify({ bench: 'docker-logs', lines, rounds: Number(rounds), ...tailed }));
} finally {
  await logs.dispose();
}
