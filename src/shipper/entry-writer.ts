/**
 * What becomes of one source's lines on their way into a batch: the labels of their run, and the
 * pipeline, if there is one. This is the hot path: a line that nothing is done with costs no
 * allocation here.
 */
import { encodeMetadata } from '../encode/metadata.ts';
import { isBlank } from '../pipeline/blank.ts';
import { buildPipeline } from '../pipeline/build-pipeline.ts';
import { Entry } from '../pipeline/entry.ts';
import type { Pipeline } from '../pipeline/pipeline.ts';
import { PipelineCounts, type StageCounts } from '../pipeline/pipeline-counts.ts';
import type { PipelineText, StreamRun } from '../pipeline/plan.ts';
import { BatchWriter } from './batch-writer.ts';
import type { FillTarget } from './fill-target.ts';
import type { LineRule } from './long-lines.ts';
import { type RunLabels, Runs } from './run-labels.ts';
import { decodeState, pipelineMarkOf, type SourceState } from './source-state.ts';

/** What a line says of itself. */
export interface LineFacts {
  readonly isStderr: boolean;
  /** When dockerd read it. */
  readonly seconds: number;
  readonly nanos: number;
}

/** How lines are worked on. */
export interface EntryWriterOptions {
  readonly runs: readonly StreamRun[];
  readonly pipeline: PipelineText;
  readonly lines: LineRule;
  /** Whether lines that stages choose no tenant for have one all the same: the endpoint's own. */
  readonly hasTenant?: boolean | undefined;
  /** Where a former process stood, as its cursor says. */
  readonly state?: Uint8Array | undefined;
}

/** See the module comment. */
export class EntryWriter {
  /** The part of the stages that counts what they do; undefined: lines pass as they are. */
  readonly pipeline: Pipeline | undefined;
  readonly pipelineMark: number;
  /** Whether lines may go to other tenants than the endpoint's own. */
  readonly choosesTenants: boolean;
  readonly #dropBlank: boolean;
  readonly #hasTenant: boolean;
  readonly #writer: BatchWriter;
  readonly #counts = new PipelineCounts();
  readonly #entry = new Entry();
  #runs: Runs;
  #run: RunLabels;
  /** The tenant of the last line that a stage chose one for. */
  #lastTenantId: string | undefined;

  /** Throws ConfigError when the pipeline is none; it was checked when the container started. */
  constructor({ runs, pipeline: text, lines, hasTenant, state }: EntryWriterOptions) {
    this.#writer = new BatchWriter(lines);
    this.#hasTenant = hasTenant ?? false;
    this.#dropBlank = text.dropBlank;
    const { pipeline, choosesTenants } = buildPipeline(text);
    this.pipeline = pipeline;
    this.choosesTenants = choosesTenants;
    if (this.pipeline !== undefined) this.pipeline.output = (entry) => this.#output(entry);
    this.pipelineMark = pipelineMarkOf(text);
    this.#runs = new Runs(runs);
    this.#run = this.#runs.at(0);
    this.#writer.plainLabels = this.#run.plain;
    this.#setState(decodeState(state, this.pipelineMark));
  }

  /** New ones count from the next turn on. */
  set runs(runs: readonly StreamRun[]) {
    this.#runs = new Runs(runs);
    this.#enterRun(0);
  }

  /** A turn begins, which fills this; undefined: it ends. */
  set target(target: FillTarget | undefined) {
    this.#writer.target = target;
  }

  /** What it needs to go on from here in the same way. */
  get state(): SourceState {
    const tenantId = this.#lastTenantId;
    const stages = this.pipeline?.resumePoint.state ?? [];
    return { times: this.#writer.times.state, tenantId, stages };
  }

  /** Goes back to a state. What is held is let go of: it will be read again. */
  restore(state: SourceState): void {
    this.pipeline?.discard();
    this.#setState(state);
    this.takeCounts();
  }

  /** What was dropped and measured since the last call. */
  takeCounts(): StageCounts[] {
    const all = [this.#counts.take(), this.pipeline?.takeCounts()];
    return all.filter((counts) => counts !== undefined);
  }

  /** Whether a line fits. Into an empty batch any line does. */
  hasRoom(lineBytes: number): boolean {
    const { pipeline } = this;
    const { length: metadataBytes } = this.#run.plain.metadata;
    if (pipeline === undefined) return this.#writer.hasRoom(lineBytes, metadataBytes);
    return this.#writer.hasRoom(lineBytes, pipeline.heldBytes + metadataBytes);
  }

  /** Takes the line `bytes[start..end)`, which begins at `lsn`, behind `ordinal` frames. */
  append(
    line: LineFacts,
    lsn: number,
    ordinal: number,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void {
    if (lsn < this.#run.fromLsn || lsn >= this.#run.endLsn) this.#enterRun(lsn);
    if (this.#run.isDropped) this.#counts.drop('relabel');
    else if (this.#dropBlank && isBlank(bytes, start, end)) this.#counts.drop('blank');
    else if (this.pipeline === undefined) {
      this.#writer.plain(line.isStderr, line.seconds, line.nanos, ordinal, bytes, start, end);
    } else {
      const entry = this.#entry;
      const { isStderr, seconds, nanos } = line;
      entry.place(isStderr, seconds, nanos, lsn, ordinal);
      entry.reset(isStderr ? this.#run.stderr : this.#run.stdout, bytes, start, end);
      this.pipeline.process(entry);
    }
  }

  /**
   * Takes a line that tells of a loss at `lsn`: no stage may drop or change it. Where the endpoint
   * has no tenant, it goes to the one that stages chose last. Returns whether it goes anywhere.
   */
  appendLoss(seconds: number, nanos: number, lsn: number, line: Buffer): boolean {
    if (lsn < this.#run.fromLsn || lsn >= this.#run.endLsn) this.#enterRun(lsn);
    if (this.#run.isDropped) {
      this.#counts.drop('relabel');
      return false;
    }
    this.#writer.own(seconds, nanos, line, this.#hasTenant ? undefined : this.#lastTenantId);
    return true;
  }

  /** What the pipeline makes of a line. */
  #output(entry: Entry): void {
    const { tenantId, seconds, nanos, ordinal } = entry;
    this.#lastTenantId = tenantId ?? this.#lastTenantId;
    const labels = entry.labels.selector;
    const metadata = this.#metadataOf(entry);
    const place = { seconds, nanos, ordinal, labels, metadata, tenantId };
    entry.takeLine((bytes, start, end) => this.#writer.write(place, bytes, start, end));
  }

  #metadataOf({ lsn, metadata }: Entry): Uint8Array {
    // A held line may be of another run than the last one.
    const isOfOther = lsn < this.#run.fromLsn || lsn >= this.#run.endLsn;
    const run = isOfOther ? this.#runs.at(lsn) : this.#run;
    if (metadata === undefined || metadata.size === 0) return run.plain.metadata;
    return encodeMetadata(new Map([...run.pairs, ...metadata]));
  }

  #setState(state: ReturnType<typeof decodeState> | SourceState): void {
    this.#writer.times.restore(state?.times);
    this.#lastTenantId = state !== undefined && 'tenantId' in state ? state.tenantId : undefined;
    this.pipeline?.restore(state?.stages);
  }

  #enterRun(lsn: number): void {
    this.#run = this.#runs.at(lsn);
    this.#writer.plainLabels = this.#run.plain;
  }
}
