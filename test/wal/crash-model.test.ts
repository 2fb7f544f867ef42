import { test } from 'node:test';
import * as fc from 'fast-check';
import type { DiskCall } from '../helpers/faulty-disk.ts';
import { type Command, type DiskCommand, runHistory } from '../helpers/wal-model-run.ts';
import type { LogCommand } from '../helpers/wal-model-types.ts';

/** How often each property runs; HOLDFAST_RUNS multiplies it for a long run. */
const factor = Math.max(1, Number(process.env['HOLDFAST_RUNS'] ?? 1));

const one = <T extends string>(name: T): fc.Arbitrary<T> => fc.constant(name);
const endpoint = fc.nat({ max: 2 });

const logCommand: fc.Arbitrary<LogCommand> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({ do: one('append'), size: fc.integer({ min: 1, max: 700 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('attach', 'detach', 'age', 'rotate', 'remove', 'restart'),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: one('seal'),
      which: fc.nat({ max: 3 }),
      level: fc.constantFrom(1, 3, 6),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: one('evict'),
      reason: fc.constantFrom('evicted', 'evicted', 'expired'),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: one('read'), endpoint, steps: fc.nat({ max: 12 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: one('acknowledge'), endpoint, isDurable: fc.boolean() }),
  },
);

/** A fault at one call: writes may be short, torn or refused; a read gets well at the second try. */
const fault: fc.Arbitrary<DiskCommand> = fc.oneof(
  fc.record({
    do: one('fault'),
    call: fc.constantFrom(
      ...(['openSync', 'writevSync', 'writeSync', 'ftruncateSync', 'unlinkSync'] as const),
      ...(['renameSync', 'fdatasyncSync', 'mkdirSync', 'closeSync'] as const),
    ),
    fault: fc.constantFrom('EIO', 'ENOSPC', 'EDQUOT', 'EROFS', 'EMFILE', 'torn', 'short'),
    after: fc.nat({ max: 4 }),
    times: fc.integer({ min: 1, max: 4 }),
  }),
  fc.record({
    do: one('fault'),
    call: one('readSync'),
    fault: one('short'),
    after: fc.nat({ max: 6 }),
    times: fc.constant(1),
  }),
  fc.record({
    do: one('fault'),
    call: fc.constantFrom('fstatSync', 'readdirSync', 'statSync', 'readFileSync'),
    fault: fc.constantFrom('EIO', 'EMFILE'),
    after: fc.nat({ max: 6 }),
    times: fc.constant(1),
  }),
);

const ends: fc.Arbitrary<DiskCommand> = fc.oneof(
  { weight: 1, arbitrary: fc.record({ do: one('kill') }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: one('power'),
      seed: fc.nat(),
      percent: fc.constantFrom(0, 10, 50, 90, 100),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: one('die'),
      after: fc.nat({ max: 8 }),
      how: fc.constantFrom('before', 'half', 'after'),
    }),
  },
);

const pressure: fc.Arbitrary<DiskCommand> = fc.oneof(
  fc.record({ do: one('full'), freeBytes: fc.nat({ max: 3000 }) }),
  fc.record({ do: fc.constantFrom('readonly', 'heal', 'heal') }),
);

function history(...disk: fc.MaybeWeightedArbitrary<DiskCommand>[]): fc.Arbitrary<Command[]> {
  const each = fc.oneof({ weight: 30, arbitrary: logCommand }, ...disk);
  const placed = fc
    .tuple(each, fc.nat({ max: 1 }))
    .map(([command, container]) => ({ ...command, container }));
  return fc.array(placed, { maxLength: 90, size: 'max' });
}

/** A history in short: each step in the form `{...}` that a failing run prints. */
interface Known {
  name: string;
  commands: Command[];
}

const at = (container: number, ...commands: (LogCommand | DiskCommand)[]): Command[] =>
  commands.map((command) => ({ ...command, container }));
const append = (size: number): LogCommand => ({ do: 'append', size });
const rotate: LogCommand = { do: 'rotate' };
const evict = (reason: 'evicted' | 'expired'): LogCommand => ({ do: 'evict', reason });
const die = (after: number): DiskCommand => ({ do: 'die', after, how: 'before' });
const power = (seed: number, percent: number): DiskCommand => ({ do: 'power', seed, percent });
const fail = (call: DiskCall, after = 0): DiskCommand => ({
  ...{ do: 'fault', call, fault: 'EIO', after, times: 1 },
});

/** Histories that failed once. They run first, each as a test of its own, and to the last frame. */
const known: Known[] = [
  {
    name: 'a frame cut by two neighbouring gaps of different reasons counts once',
    commands: at(
      0,
      ...[append(1), rotate, append(1), rotate, append(100)],
      ...[evict('evicted'), evict('expired')],
    ),
  },
  {
    name: 'a frame that was cut and never finished is not taken back',
    commands: at(
      0,
      ...[append(1), { do: 'kill' } as const, append(1), evict('evicted'), die(0)],
      ...[append(1), append(1), evict('evicted')],
    ),
  },
  {
    name: 'a segment whose file did not go when it was given up is not counted again',
    commands: at(
      1,
      ...[append(1), rotate, append(273), append(103), evict('evicted'), fail('unlinkSync')],
      ...[append(691), append(1), evict('evicted'), evict('evicted')],
    ),
  },
  {
    name: 'what is missing behind a gap does not count the frames of that gap again',
    commands: [
      ...at(0, append(514), append(632)),
      ...at(1, append(1)),
      ...at(0, append(1), power(0, 0), append(1)),
      ...at(0, { do: 'acknowledge', endpoint: 0, isDurable: true }, evict('evicted')),
      ...at(1, append(1), evict('evicted')),
      ...at(0, { do: 'kill' }, evict('evicted'), append(1), power(2_012_574_073, 50)),
    ],
  },
  {
    name: 'what one endpoint had acknowledged and power loss took is counted for the others',
    commands: at(
      1,
      ...[append(200), rotate, append(1), { do: 'seal', which: 0, level: 1 } as const],
      ...[append(600), { do: 'read', endpoint: 0, steps: 9 } as const],
      ...[{ do: 'acknowledge', endpoint: 0, isDurable: true } as const, power(1, 100), append(1)],
    ),
  },
  {
    name: 'a frame whose second half begins behind a segment without blocks is counted',
    commands: at(
      0,
      ...[append(93), append(356), die(3), append(617), append(1), append(18)],
      power(856_645_699, 10),
    ),
  },
  {
    name: 'a gap whose index power loss took is not given up and counted again',
    commands: at(
      0,
      ...[append(282), append(618), append(1), append(85), append(1), evict('evicted')],
      ...[append(145), append(365), append(1), power(531_004_090, 10), evict('evicted')],
    ),
  },
  {
    name: 'a reader with few files goes on after it looked around at a gap',
    commands: at(
      0,
      ...[append(132), append(198), append(406), append(44), append(126), append(1)],
      ...[power(472_693_258, 50), append(286), append(644), append(136), append(1)],
    ),
  },
  {
    name: 'a file whose closing failed is not used again',
    commands: at(
      1,
      ...[append(81), append(300), append(555), { do: 'attach' } as const, append(1)],
      ...[fail('closeSync'), { do: 'read', endpoint: 0, steps: 6 } as const],
    ),
  },
  {
    name: 'a sealed file is closed when its raw file cannot be looked for',
    commands: at(
      1,
      ...[fail('statSync'), append(1), rotate],
      ...[{ do: 'seal', which: 0, level: 1 } as const, { do: 'seal', which: 0, level: 1 } as const],
    ),
  },
];

for (const { name, commands } of known) {
  test(`I1, I11: ${name}`, () => {
    runHistory(commands, { isStrict: true, filesOpenMax: 2 });
  });
}

function check(histories: fc.Arbitrary<Command[]>, numRuns: number): void {
  const property = fc.property(histories, (commands) => runHistory(commands));
  // The same histories each time, so that a change is what fails; others with HOLDFAST_RUNS.
  const seed = factor === 1 ? { seed: 20_261_123 } : {};
  fc.assert(property, { numRuns: numRuns * factor, ...seed });
}

test('I1 to I7: what is written is read back, sealed, given up or removed, and all adds up', () => {
  check(history(), 300);
});

test('I1, I3, I6: nothing is lost or miscounted on a disk that refuses, tears and fills up', () => {
  check(history({ weight: 4, arbitrary: fault }, { weight: 2, arbitrary: pressure }), 300);
});

test('I9, I10: a kill at any change of the disk loses no committed byte', () => {
  check(history({ weight: 4, arbitrary: ends.filter((each) => each.do !== 'power') }), 300);
});

test('I3, I9, I10: a loss of power takes only what was not synced, and says what', () => {
  check(history({ weight: 3, arbitrary: ends }), 300);
});

test('I1 to I13: all of it at once', () => {
  const disk = [
    { weight: 3, arbitrary: fault },
    { weight: 1, arbitrary: pressure },
    { weight: 3, arbitrary: ends },
  ];
  check(history(...disk), 300);
});
