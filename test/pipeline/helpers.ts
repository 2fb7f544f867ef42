/**
 * Runs lines through a pipeline as the shipper does, and gives what comes out as plain objects.
 */
import assert from 'node:assert/strict';
import { compileStages } from '../../src/pipeline/compile-stages.ts';
import { ConfigError, readYaml } from '../../src/pipeline/config-node.ts';
import { Entry } from '../../src/pipeline/entry.ts';
import type { ExtractedValue } from '../../src/pipeline/extracted.ts';
import { LabelSet } from '../../src/pipeline/label-set.ts';
import { Pipeline } from '../../src/pipeline/pipeline.ts';
import { PipelineCounts, type StageCounts } from '../../src/pipeline/pipeline-counts.ts';
import type { AnyStage } from '../../src/pipeline/stage.ts';

/** What a test says of its lines. */
export interface RunOptions {
  /** Labels that every line begins with. */
  readonly labels?: Readonly<Record<string, string>>;
  /** When dockerd read each line, in Unix seconds; the default is 1,700,000,000 and a second more each. */
  readonly capturedSeconds?: readonly number[];
  /** Nanoseconds within; the same for all. */
  readonly capturedNanos?: number;
  /** Hands out what stages hold at the end; the default is true. */
  readonly flush?: boolean;
}

/** What came out. */
export interface Shipped {
  readonly line: string;
  readonly labels: Record<string, string>;
  readonly seconds: number;
  readonly nanos: number;
  readonly lsn: number;
  /** Without the labels that the line began with. */
  readonly extracted: Record<string, ExtractedValue>;
  readonly metadata?: Record<string, string>;
  readonly tenantId?: string;
}

/** A pipeline with what it was made of. */
export interface TestPipeline {
  readonly pipeline: Pipeline;
  readonly counts: PipelineCounts;
  readonly warnings: string[];
  readonly stages: AnyStage[];
}

/** Compiles a list of stages. Throws ConfigError. */
export function compilePipeline(yaml: string): TestPipeline {
  const counts = new PipelineCounts();
  const names = new Map<AnyStage, string>();
  const warnings: string[] = [];
  const stages = compileStages(readYaml(yaml), { counts, warnings, names });
  return { pipeline: new Pipeline({ stages, names, counts }), counts, warnings, stages };
}

/** One line as the shipper makes it; its number is its `lsn` and its ordinal. */
export function newEntry(
  line: string | Uint8Array,
  number = 0,
  { labels = {}, capturedSeconds = [], capturedNanos = 0 }: RunOptions = {},
): Entry {
  const entry = new Entry();
  const bytes = typeof line === 'string' ? Buffer.from(line) : line;
  entry.reset(LabelSet.of(Object.entries(labels)), bytes, 0, bytes.length);
  entry.lsn = number;
  entry.ordinal = number;
  entry.capturedSeconds = capturedSeconds[number] ?? 1_700_000_000 + number;
  entry.capturedNanos = capturedNanos;
  entry.seconds = entry.capturedSeconds;
  entry.nanos = entry.capturedNanos;
  return entry;
}

/** An entry as a plain object. */
export function shipped(entry: Entry): Shipped {
  const extracted = Object.fromEntries(entry.extracted.toMap());
  return {
    line: lineOf(entry),
    labels: Object.fromEntries(entry.labels),
    seconds: entry.seconds,
    nanos: entry.nanos,
    lsn: entry.lsn,
    extracted,
    ...(entry.metadata && { metadata: Object.fromEntries(entry.metadata) }),
    ...(entry.tenantId !== undefined && { tenantId: entry.tenantId }),
  };
}

/** The line as it is sent. */
function lineOf(entry: Entry): string {
  let line = '';
  entry.takeLine((bytes, start, end) => {
    line = Buffer.from(bytes.subarray(start, end)).toString('utf8');
  });
  return line;
}

/** Runs lines through the stages of a list, and flushes at the end. */
export function runPipeline(
  yaml: string,
  lines: readonly (string | Uint8Array)[],
  options: RunOptions = {},
): Shipped[] {
  return runThrough(compilePipeline(yaml), lines, options).shipped;
}

/** The same with a pipeline that there is already, and with its counts. */
export function runThrough(
  { pipeline }: TestPipeline,
  lines: readonly (string | Uint8Array)[],
  options: RunOptions = {},
): { shipped: Shipped[]; counts: StageCounts | undefined } {
  const out: Shipped[] = [];
  pipeline.output = (entry) => out.push(shipped(entry));
  lines.forEach((line, index) => {
    pipeline.process(newEntry(line, index, options));
  });
  if (options.flush !== false) pipeline.flush();
  return { shipped: out, counts: pipeline.takeCounts() };
}

/** What the first line has extracted, and its own labels are not among it. */
export function extractedFrom(
  yaml: string,
  line: string | Uint8Array,
  options?: RunOptions,
): Record<string, ExtractedValue> {
  const [first] = runPipeline(yaml, [line], options);
  assert.ok(first !== undefined, 'the line did not come out');
  return first.extracted;
}

/** The message that a list of stages is refused with. */
export function configError(yaml: string): string {
  try {
    compilePipeline(yaml);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new assert.AssertionError({ message: `this was not refused:\n${yaml}` });
}

/** The warnings that a list of stages gives. */
export function warningsOf(yaml: string): string[] {
  return compilePipeline(yaml).warnings;
}

/** Lines that every stage has to survive. */
export const hostileLines: readonly (string | Uint8Array)[] = [
  '',
  '\0\0\0',
  'x'.repeat(1 << 20),
  '='.repeat(1 << 20),
  '"'.repeat(1 << 18),
  '\\'.repeat(1 << 18),
  '\u001b['.repeat(1 << 16),
  Uint8Array.from({ length: 4096 }, (_, index) => (index * 97) % 256),
  Uint8Array.of(0xff, 0xfe, 0xc3, 0x28, 0xed, 0xa0, 0x80),
  '['.repeat(100_000),
  '['.repeat(100_000) + ']'.repeat(100_000),
  `{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
  `{"a":${'{"b":'.repeat(20_000)}1${'}'.repeat(20_000)}}`,
  '{"__proto__":{"x":1},"constructor":null,"toString":1,"hasOwnProperty":2}',
  'null',
  'true',
  '1e999',
];
