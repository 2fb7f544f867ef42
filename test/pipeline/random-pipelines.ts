/**
 * Random pipelines out of all stages that exist, and random lines for them: what the properties of
 * determinism.test.ts are held against.
 */
import * as fc from 'fast-check';
import type { Entry } from '../../src/pipeline/entry.ts';
import type { AnyStage, HoldingStage } from '../../src/pipeline/stage.ts';
import { stageCompilers } from '../../src/pipeline/stages/registry.ts';
import { newEntry, type TestPipeline } from './helpers.ts';

const stages = (name: string, ...options: string[]) =>
  stageCompilers.has(name) ? options.map((each) => `${name}: ${each}`) : [];

const multilines = [
  ...stages(
    'multiline',
    '{ firstline: "^START" }',
    '{ firstline: "^START", max_lines: 3 }',
    '{ firstline: "^(START|\\\\{)", max_wait_time: 300ms, trim_newlines: true }',
  ),
];

/** One stage each, in YAML's flow style. */
const leafStages = [
  ...multilines,
  ...stages('cri', '{}', '{ max_partial_lines: 2 }'),
  ...stages('labels', '{ level: , copy: source }'),
  ...stages('labeldrop', '[source]', '[kind]'),
  ...stages('labelallow', '[source, kind]'),
  ...stages('static_labels', '{ kind: fixed }'),
  ...stages('structured_metadata', '{ level: , where: source }'),
  ...stages('tenant', '{ source: level }', '{ label: source }', '{ value: t }'),
  ...stages(
    'drop',
    '{ expression: "drop" }',
    '{ source: source, value: stderr, longer_than: 8 }',
    '{ older_than: 1s }',
  ),
  ...stages(
    'limit',
    '{ rate: 1, burst: 2, drop: true }',
    '{ rate: 0.5, burst: 1, drop: true, by_label_name: source, max_distinct_labels: 1 }',
    '{ rate: 3, burst: 2, drop: true, by_label_name: kind }',
    '{ rate: 10, burst: 1 }',
  ),
  ...stages('sampling', '{ rate: 0.5 }', '{ rate: 0.9 }'),
  ...stages(
    'metrics',
    '{ a: { type: counter, config: { match_all: true, action: inc } } }',
    '{ b: { type: histogram, source: level } }',
  ),
  ...stages('json', '{ expressions: { level: , msg: } }'),
  ...stages('logfmt', '{ mapping: { level: } }'),
  ...stages('regex', '{ expression: "(?P<level>[a-z]+)" }'),
  ...stages('replace', '{ expression: "(a)", replace: "b" }'),
  ...stages('template', '{ source: level, template: "{{ ToUpper .Value }}" }'),
  ...stages('output', '{ source: level }'),
  ...stages('pack', '{ labels: [source] }'),
  ...stages('decolorize', ''),
  ...stages('docker', '{}'),
];

const selectors = [
  '{source="stderr"}',
  '{source!="stderr"}',
  '{source=~".+"} |= "START"',
  '{source=~".+"} !~ "^START"',
  '{kind=""} |~ "a|drop"',
];

const leaf = fc.constantFrom(...leafStages);
const match = fc
  .tuple(fc.constantFrom(...selectors), fc.array(leaf, { minLength: 1, maxLength: 3 }))
  .map(([selector, inner]) => {
    const list = inner.map((each) => `{ ${each} }`).join(', ');
    return `match: { selector: '${selector}', stages: [${list}] }`;
  });
const dropping = fc
  .constantFrom(...selectors)
  .map((selector) => `match: { selector: '${selector}', action: drop }`);

const held = fc.constantFrom(...multilines);
const stage = fc.oneof(
  { weight: 6, arbitrary: leaf },
  { weight: 2, arbitrary: held },
  { weight: 2, arbitrary: match },
  { weight: 1, arbitrary: dropping },
);

/** The YAML of a pipeline. */
export const anyPipeline: fc.Arbitrary<string> = fc
  .tuple(fc.array(held, { maxLength: 1 }), fc.array(stage, { minLength: 1, maxLength: 5 }))
  .map(([first, rest]) => [...first, ...rest])
  .map((list) => list.map((each) => `- ${each}`).join('\n'));

/** A line, how many milliseconds after the one before it was printed, and where. */
export interface RandomLine {
  readonly text: string;
  readonly gapMs: number;
  readonly source: 'stdout' | 'stderr';
  /** In pieces: its end comes behind so many lines that begin later. */
  readonly late: number;
}

const text = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('START 1', 'START 2', 'more', 'at c') },
  fc.constantFrom('START', 'START a', 'at b', 'drop me', '', '{"level":"info","msg":"START x"}'),
  fc.constantFrom('level=warn msg=a', '2024-01-01T00:00:00Z stdout P part', 'a level', '\t x\r'),
  fc.constantFrom('2024-01-01T00:00:00Z stdout F rest', '2024-01-01T00:00:00Z stderr P START'),
  fc.string({ maxLength: 12 }).map((some) => some.replaceAll('\n', ' ')),
);

/** Lines as one container prints them. */
export const anyLines: fc.Arbitrary<RandomLine[]> = fc.array(
  fc.record({
    text,
    gapMs: fc.constantFrom(0, 0, 0, 0, 0, 1, 1, 100, 299, 301, 1000, 2999, 3000, 3001, 10_000),
    source: fc.constantFrom('stdout', 'stderr'),
    late: fc.constantFrom(0, 0, 0, 0, 0, 0, 1, 2, 5),
  }),
  { maxLength: 40 },
);

/** Entries as they go in; their `lsn` is their place times ten. */
export function entriesOf(lines: readonly RandomLine[]): (() => Entry)[] {
  let ms = 1_700_000_000_000;
  return lines.map(({ text, gapMs, source }, index) => {
    ms += gapMs;
    const seconds = Math.floor(ms / 1000);
    const nanos = (ms % 1000) * 1_000_000;
    return () => {
      const entry = newEntry(text, index, { labels: { source }, capturedNanos: nanos });
      entry.lsn = index * 10;
      entry.capturedSeconds = seconds;
      entry.seconds = index % 5 === 4 ? seconds - 2 : seconds;
      return entry;
    };
  });
}

/** Lines that went into stages that hold, and came out of them: what is between was joined. */
export interface LineAccount {
  joined: number;
  dropped: number;
}

/** Counts what holding stages do, from now on. */
export function accountFor({ stages: list, counts }: TestPipeline): LineAccount {
  const account = { joined: 0, dropped: 0 };
  const drop = counts.drop.bind(counts);
  counts.drop = (reason) => {
    account.dropped += 1;
    drop(reason);
  };
  for (const stage of holdingStages(list)) watch(stage, account);
  return account;
}

function watch(stage: HoldingStage, account: LineAccount): void {
  const process = stage.process.bind(stage);
  const emit = stage.emit;
  stage.emit = (entry) => {
    account.joined -= 1;
    emit(entry);
  };
  stage.process = (entry) => {
    // What the stage hands out drops nothing of its own line.
    const before = account.dropped;
    let droppedBehind = 0;
    const outer = stage.emit;
    stage.emit = (one) => {
      const start = account.dropped;
      outer(one);
      droppedBehind += account.dropped - start;
    };
    const goesOn = process(entry);
    stage.emit = outer;
    const isDropped = account.dropped - before - droppedBehind > 0;
    if (!goesOn && !isDropped) account.joined += 1;
    return goesOn;
  };
}

function holdingStages(list: readonly AnyStage[]): HoldingStage[] {
  return list.flatMap((stage) => {
    if ('route' in stage) return holdingStages(stage.inner);
    return 'emit' in stage ? [stage as HoldingStage] : [];
  });
}
