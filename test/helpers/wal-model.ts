/**
 * The log of one container under random commands, on a disk that fails, fills up, dies and
 * loses power, next to what it must hold (`StreamReference`). Every check names the invariant
 * it stands for.
 */
import assert from 'node:assert/strict';
import { errnoOf } from '../../src/base/errors.ts';
import { FrameCounter } from '../../src/capture/frame-counter.ts';
import {
  CommittedLsn,
  CursorFile,
  evictSegment,
  listSegmentFacts,
  Quarantine,
  readCursors,
  recoverTail,
  removeSegmentsBefore,
  type SegmentFact,
  SegmentFiles,
  type StreamTail,
  StreamWriter,
  sealSegment,
  tidySegments,
} from '../../src/wal/index.ts';
import { readStreamTail } from '../../src/wal/stream-tail.ts';
import { ProcessDied } from './disk-faults.ts';
import type { MemoryDisk } from './memory-disk.ts';
import { type LogPlace, ModelReader } from './wal-model-endpoint.ts';
import { FrameSource, type Range, StreamReference } from './wal-model-reference.ts';
import {
  hasGapBehindGap,
  injected,
  type LogCommand,
  noneRefused,
  type Refused,
  type WalModelOptions,
} from './wal-model-types.ts';

/** One endpoint of the model: its reader, and what it has acknowledged. */
interface Endpoint {
  id: number;
  reader: ModelReader;
  /** Acknowledged and written down; a loss of power may take it back, but not below `durableLsn`. */
  ackLsn: number;
  durableLsn: number;
  /** Being written down when the process died. */
  pendingLsn: number | undefined;
}

/** What the writer was asked to append and has not answered for. */
type Pending = { lsn: number; commit: () => void } | undefined;

/** See the module comment. */
export class WalModel {
  readonly disk: MemoryDisk;
  readonly log: LogPlace;
  readonly reference = new StreamReference();
  readonly #options: WalModelOptions;
  readonly #source = new FrameSource();
  /** The writer begins in the middle of a frame and may have to search for the next. */
  #isPlaceLost = false;
  /** How often the disk or the process failed. */
  #failures = 0;
  readonly #files: { current: SegmentFiles };
  readonly #endpoints: Endpoint[];
  #committed = new CommittedLsn();
  #counter = new FrameCounter();
  #writer: StreamWriter;
  #cursors: CursorFile;
  #pending: Pending;
  #fifo = 'fifo1';
  #fifoCount = 1;
  #nowMs = 1_000_000;
  /** A loss of power took bytes that one endpoint had acknowledged already. */
  #hasVoid = false;
  /** What lies before was acknowledged by all and may be removed. */
  #removedLsn = 0;
  /** Output that the disk refused and that no gap tells of yet. */
  #refused: Refused = noneRefused();

  constructor(disk: MemoryDisk, containerId: string, options: WalModelOptions) {
    this.#options = options;
    this.disk = disk;
    this.log = { disk, directory: `/wal/c/${containerId.slice(0, 2)}/${containerId}`, containerId };
    disk.mkdirSync(this.log.directory, { recursive: true, mode: 0o700 });
    disk.syncAll();
    this.#files = { current: new SegmentFiles(disk, options.filesOpenMax) };
    this.#writer = this.#newWriter(this.#tail());
    this.#cursors = new CursorFile(disk, this.log.directory, containerId);
    this.#endpoints = Array.from({ length: options.endpoints }, (_, index) => ({
      id: index + 1,
      reader: this.#newReader(`endpoint ${index + 1}`, 0),
      ackLsn: 0,
      durableLsn: 0,
      pendingLsn: undefined,
    }));
  }

  /** Runs one command. What the disk was told to refuse is no failure; dying is. */
  apply(command: LogCommand): void {
    try {
      this.#run(command);
    } catch (error) {
      if (error instanceof ProcessDied) throw error;
      const code = errnoOf(error) ?? '';
      if (!injected.has(code) || !this.#isDiskIll()) throw error;
      this.#failures += 1;
    }
    if (this.disk.faults.isDead) throw new ProcessDied(command.do);
    assert.equal(this.#writer.endLsn, this.reference.endLsn, 'I1: the writer knows what it wrote');
    assert.equal(this.#committed.read(), this.reference.endLsn, 'I3: what is written is committed');
  }

  /** Whether lost frames are to be counted to the last one. */
  get #isExact(): boolean {
    return this.#options.isStrict;
  }

  #isDiskIll(): boolean {
    const { faults, capacityBytes } = this.disk;
    return faults.struck > 0 || faults.isReadOnly || capacityBytes !== Number.POSITIVE_INFINITY;
  }

  #run(command: LogCommand): void {
    switch (command.do) {
      case 'append':
        return this.#append(command.size);
      case 'attach':
        return this.#attach();
      case 'detach':
        return this.#detach();
      case 'age':
        this.#nowMs += 1000;
        return undefined;
      case 'rotate':
        return this.#writer.closeSegment();
      case 'remove':
        return this.#remove();
      case 'restart':
        return this.#restartReaders();
      case 'seal':
        return this.#seal(command.which, command.level);
      case 'evict':
        return this.#evict(command.reason);
      case 'read':
        return this.#read(this.#endpoint(command.endpoint), command.steps);
      case 'acknowledge':
        return this.#acknowledge(this.#endpoint(command.endpoint), command.isDurable);
    }
  }

  #endpoint(index: number): Endpoint {
    const endpoint = this.#endpoints[index % this.#endpoints.length];
    assert.ok(endpoint !== undefined);
    return endpoint;
  }

  /** Takes output in as capture does: what the disk refuses becomes a gap as soon as it can. */
  #append(size: number): void {
    if (this.#writer.attachedFifo !== this.#fifo) this.#attach();
    const offer = this.#source.peek(size);
    try {
      this.#recordRefused();
      this.#counter.count(offer.bytes, this.#writer.endLsn);
      const { flags, stats } = this.#counter;
      this.#tell(
        () => this.#writer.appendRaw(offer.bytes, flags, stats),
        () => {
          this.#source.advance(offer.bytes.length);
          this.reference.appendRaw(offer);
        },
      );
      if (!this.#isPlaceLost) assert.deepEqual(this.#counter.skipped, [], 'I1: the place is known');
    } catch (error) {
      if (error instanceof ProcessDied) throw error;
      this.#refuse(size);
      throw error;
    }
  }

  /** Whole frames are refused, so that the stream goes on at the beginning of one. */
  #refuse(size: number): void {
    this.#failures += 1;
    const offer = this.#source.peek(size, true);
    if (this.#refused.bytes === 0) this.#refused.cutBytes = this.#source.openBytes;
    this.#source.advance(offer.bytes.length);
    const at = this.#refused.bytes;
    for (const { start, end, bytes } of offer.frames) {
      this.#refused.frames.push({ start: at + start, end: at + end, bytes });
    }
    this.#refused.bytes += offer.bytes.length;
    // What was counted is not in the stream.
    this.#counter.restore(this.#writer.endLsn, Buffer.alloc(0));
  }

  #recordRefused(): void {
    const { bytes, frames } = this.#refused;
    if (bytes === 0) return;
    const fromLsn = this.#writer.endLsn;
    const range = { fromLsn, toLsn: fromLsn + bytes, atMs: this.#nowMs };
    const gap = { kind: 'gap' as const, reason: 'disk' as const, ...range, frames: frames.length };
    this.#tell(
      () => this.#writer.appendGap(gap, bytes),
      () => this.reference.appendRefused(bytes, frames),
    );
    this.#refused = noneRefused();
    this.#counter.restore(this.#writer.endLsn, Buffer.alloc(0));
  }

  /** Appends, and keeps in mind what it was while it is not known to be on the disk. */
  #tell(append: () => void, commit: () => void): void {
    this.#pending = { lsn: this.reference.endLsn, commit };
    try {
      append();
      commit();
    } catch (error) {
      if (error instanceof ProcessDied) throw error;
      this.#pending = undefined;
      throw error;
    }
    this.#pending = undefined;
  }

  #attach(): void {
    this.#recordRefused();
    this.#leaveFifo();
    this.#isPlaceLost = false;
    this.#tell(
      () => this.#writer.appendAttach(this.#fifo),
      () => this.reference.appendRemark(),
    );
    this.#cut();
  }

  #detach(): void {
    if (this.#writer.attachedFifo !== this.#fifo) return;
    this.#recordRefused();
    this.#tell(
      () => this.#writer.appendDetach(this.#fifo),
      () => this.reference.appendRemark(),
    );
    this.#leaveFifo();
    this.#cut();
  }

  /** No frame that was begun is finished: what comes now comes from another FIFO. */
  #leaveFifo(): void {
    const { bytes, cutBytes } = this.#refused;
    const openBytes = this.#source.reset();
    this.reference.leaveUnfinished(bytes > 0 ? cutBytes : openBytes);
    this.#refused = noneRefused();
    this.#fifoCount += 1;
    this.#fifo = `fifo${this.#fifoCount}`;
  }

  #cut(): void {
    this.#counter.cut(this.#writer.endLsn);
    this.#counter.skipped = [];
  }

  /** Where the oldest segment that is there begins. */
  #oldestLsn(): number {
    return this.#facts()[0]?.baseLsn ?? this.reference.endLsn;
  }

  #facts(): SegmentFact[] {
    return listSegmentFacts(this.disk, this.log.directory, this.log.containerId);
  }

  /** Segments that are closed for writing, with the range of each. */
  #complete(): (SegmentFact & Range)[] {
    const facts = this.#facts();
    return facts
      .filter(({ sequence }) => this.#writer.isComplete(sequence))
      .map((fact) => {
        const next = facts[facts.indexOf(fact) + 1];
        const toLsn = next?.baseLsn ?? this.reference.endLsn;
        return { ...fact, fromLsn: fact.baseLsn, toLsn };
      });
  }

  #seal(which: number, level: 1 | 3 | 6): void {
    const raw = this.#complete().filter(({ kind }) => kind === 'raw');
    const segment = raw[which % Math.max(1, raw.length)];
    if (segment === undefined) return;
    const { directory, containerId } = this.log;
    const { sequence } = segment;
    const result = sealSegment(this.disk, { directory, containerId, sequence, level });
    if (result === undefined) return;
    for (let lsn = segment.fromLsn; lsn < segment.toLsn; lsn += 1) {
      if (!this.reference.isGone(lsn)) this.reference.markDurable({ fromLsn: lsn, toLsn: lsn + 1 });
    }
  }

  #evict(reason: 'evicted' | 'expired'): void {
    const segment = this.#complete().find(({ kind }) => kind !== 'gap');
    if (segment === undefined || this.#isEmptyBehind(segment)) return;
    const { directory, containerId } = this.log;
    const before = this.#survey();
    const isTold = this.reference.isDoubtful(segment);
    const cut = this.#cutBy(segment);
    this.reference.markDoubtful(segment);
    const { sequence } = segment;
    const request = { directory, containerId, sequence, reason, atMs: this.#nowMs };
    const evicted = evictSegment(this.disk, request);
    if (evicted === undefined) return;
    const { fromLsn, toLsn, frames } = evicted;
    if (fromLsn === toLsn) {
      // Its gap stood there already, and only the file had not gone.
      const isEmpty = segment.fromLsn === segment.toLsn;
      assert.ok(isTold || isEmpty || this.#failures > 0, 'I1: what is given up is told');
      // A segment that has no bytes may still cut a frame in two.
      assert.ok(frames <= 1, 'I1: what was given up before is not counted again');
      this.reference.markGone(segment);
      return;
    }
    assert.deepEqual([fromLsn, toLsn], [segment.fromLsn, segment.toLsn], 'I1: what was given up');
    this.reference.markGone(segment);
    const after = this.#survey();
    const lost = [...before.frames].filter((endLsn) => !after.frames.has(endLsn));
    // Of damage no block tells: what readers found there is told by this gap from now on.
    const found = before.gaps.filter(({ reason }) => reason === 'damage' || reason === 'missing');
    const hit = found.filter((gap) => gap.fromLsn < toLsn && gap.toLsn > fromLsn);
    const inside = hit.filter((gap) => gap.fromLsn >= fromLsn && gap.toLsn <= toLsn);
    // Half of such a gap, or a segment given up before by half, has no count of its own.
    if (inside.length < hit.length || (isTold && !this.#isExact)) return;
    const told = inside.reduce((sum, gap) => sum + (gap.frames ?? 0), 0);
    const isCutTold = inside.some((gap) => gap.toLsn === toLsn);
    const least = lost.length + told;
    // A frame that is not whole may be counted with what it begins in, once.
    const most = least + (isCutTold ? 0 : cut);
    const counted = frames - this.#headCut(fromLsn, Math.max(0, frames - most));
    if (!this.#isExact && this.#failures > 0) return;
    const off = this.#isExact ? 0 : 1;
    const isExact = counted >= least - off && counted <= most + off;
    assert.ok(isExact, `I1: ${counted} frames are counted, ${least} to ${most} are given up`);
  }

  /** How many frames that are not whole are cut at the end of a segment, and not told of yet. */
  #cutBy(segment: Range): number {
    const { bytes, cutBytes } = this.#refused;
    const openBytes = bytes > 0 ? cutBytes : this.#source.openBytes;
    const cut = this.reference.cutAt(segment.toLsn, openBytes);
    // The gap for what was refused counts the frame that ends in it once more.
    if (cut > 0 && bytes > 0) this.reference.tornFrames += 1;
    return cut;
  }

  /** Whether the next segment has no block: then nobody can tell whether a frame goes on there. */
  #isEmptyBehind(segment: SegmentFact): boolean {
    const facts = this.#facts();
    const at = facts.findIndex(({ sequence }) => sequence === segment.sequence);
    const next = facts[at + 1]?.baseLsn ?? 0;
    return next === (facts[at + 2]?.baseLsn ?? this.reference.endLsn);
  }

  /**
   * A frame whose beginning was removed, because all have acknowledged it, is counted once more
   * when its end is given up. Returns how much of `excess` that explains.
   */
  #headCut(fromLsn: number, excess: number): number {
    const isHead = fromLsn === this.#oldestLsn();
    return isHead && this.reference.isFrameCutAt(fromLsn) ? Math.min(1, excess) : 0;
  }

  /** Removes what everybody has acknowledged for good. */
  #remove(): void {
    const { directory, containerId } = this.log;
    const lsn = Math.min(...this.#endpoints.map(({ durableLsn }) => durableLsn));
    this.#removedLsn = Math.max(this.#removedLsn, lsn);
    removeSegmentsBefore(this.disk, directory, containerId, lsn);
  }

  #read(endpoint: Endpoint, steps: number): void {
    for (let step = 0; step < steps; step += 1) {
      if (!endpoint.reader.step(this.#committed.read())) return;
    }
  }

  #acknowledge(endpoint: Endpoint, isDurable: boolean): void {
    const { id, reader } = endpoint;
    const ackLsn = reader.edgeLsn;
    assert.ok(ackLsn >= endpoint.ackLsn, `I3: endpoint ${id} goes back`);
    endpoint.pendingLsn = ackLsn;
    const ackOrdinal = this.reference.ordinalAt(ackLsn);
    const cursor = { endpointId: id, ackLsn, ackOrdinal, place: reader.place };
    this.#cursors.set({ ...cursor, ackedAtMs: this.#nowMs }, isDurable);
    endpoint.ackLsn = ackLsn;
    endpoint.pendingLsn = undefined;
    if (isDurable) endpoint.durableLsn = ackLsn;
  }

  /** Readers begin again at their cursors, as a delivery thread that was started anew. */
  #restartReaders(): void {
    const { directory, containerId } = this.log;
    // What fails here fails before anything has changed.
    const cursors = new CursorFile(this.disk, directory, containerId);
    const oldestLsn = this.#oldestLsn();
    const files = new SegmentFiles(this.disk, this.#options.filesOpenMax);
    const former = this.#files.current;
    this.#files.current = files;
    try {
      const readers = this.#endpoints.map(({ id }) => {
        const cursor = cursors.get(id);
        return this.#newReader(`endpoint ${id}`, cursor?.ackLsn ?? oldestLsn, cursor?.place);
      });
      for (const [index, endpoint] of this.#endpoints.entries()) {
        endpoint.reader = readers[index] ?? endpoint.reader;
        endpoint.pendingLsn = undefined;
        endpoint.ackLsn = cursors.get(endpoint.id)?.ackLsn ?? 0;
      }
    } catch (error) {
      files.closeDirectory(directory);
      this.#files.current = former;
      throw error;
    }
    this.#cursors = cursors;
    former.closeDirectory(directory);
  }

  #newReader(who: string, lsn: number, place?: { sequence: number; offset: number }): ModelReader {
    const start = place === undefined ? { lsn } : { lsn, place };
    return new ModelReader(this.log, this.#files.current, this.reference, who, start);
  }

  /** Everything that is on the disk, as a reader sees it that has seen nothing before. */
  #survey(): ModelReader {
    const files = new SegmentFiles(this.disk, this.#options.filesOpenMax);
    const lsn = this.#oldestLsn();
    const reader = new ModelReader(this.log, files, this.reference, 'a new reader', { lsn });
    try {
      while (reader.step(this.#committed.read())) {
        // Each step moves on; there is an end.
      }
    } finally {
      files.closeDirectory(this.log.directory);
    }
    return reader;
  }

  #tail(): StreamTail {
    return recoverTail(this.disk, this.log.directory, this.log.containerId);
  }

  #newWriter(tail: StreamTail): StreamWriter {
    this.#committed = new CommittedLsn();
    this.#counter = new FrameCounter();
    this.#counter.restore(tail.openLsn, tail.openBytes);
    return new StreamWriter({
      ...this.log,
      tail,
      committed: this.#committed,
      now: () => this.#nowMs,
      segmentBytesMax: 1500,
      segmentAgeMsMax: 2000,
    });
  }

  /** What a new process does first. May die itself. */
  #recover(): StreamTail {
    this.#failures += 1;
    const { directory, containerId } = this.log;
    const { disk } = this;
    tidySegments(disk, directory, containerId, new Quarantine(disk, directory));
    const tail = this.#tail();
    const found = disk.contents();
    const taken = tidySegments(disk, directory, containerId, new Quarantine(disk, directory));
    assert.deepEqual(taken, [], 'I9: recovering again takes nothing away');
    assert.deepEqual(disk.contents(), found, 'I9: recovering again changes no file');
    assert.deepEqual(this.#tail(), tail, 'I9: recovering again finds the same end');
    return tail;
  }

  /** The process is gone; another one takes up what is on the disk. */
  reviveAfterKill(): void {
    const tail = this.#recover();
    const pending = this.#pending;
    const { endLsn } = this.reference;
    // A block that was written whole counts, whether or not its writer lived to know.
    if (pending !== undefined && tail.endLsn > endLsn) pending.commit();
    assert.equal(tail.endLsn, this.reference.endLsn, 'I10: a kill loses no committed byte');
    this.#pending = undefined;
    this.#checkCursors(false);
    this.#goOn(tail);
    this.#settle(false);
  }

  /** The power was gone, too. */
  reviveAfterCrash(): void {
    const tail = this.#recover();
    const pending = this.#pending;
    if (pending !== undefined && tail.endLsn > this.reference.endLsn) pending.commit();
    this.#pending = undefined;
    const { endLsn } = this.reference;
    assert.ok(tail.endLsn <= endLsn, 'I10: a loss of power invents nothing');
    const { directory, containerId } = this.log;
    const onDisk = readStreamTail(this.disk, directory, containerId);
    this.#hasVoid ||= tail.endLsn > onDisk.endLsn;
    for (let lsn = tail.endLsn; lsn < endLsn; lsn += 1) {
      assert.ok(!this.reference.isDurable(lsn), `I10: ${lsn} was on the platter and is lost`);
    }
    this.#checkCursors(true);
    // The machine was off: whatever wrote into the FIFO is gone.
    this.#leaveFifo();
    this.reference.truncate(tail.endLsn);
    this.#goOn(tail);
    this.#settle(true);
  }

  #checkCursors(isPowerLoss: boolean): void {
    const { directory, containerId } = this.log;
    const cursors = readCursors(this.disk, directory, containerId);
    for (const endpoint of this.#endpoints) {
      const found = cursors.find(({ endpointId }) => endpointId === endpoint.id)?.ackLsn ?? 0;
      const { id, ackLsn, durableLsn, pendingLsn } = endpoint;
      const leastLsn = isPowerLoss ? durableLsn : ackLsn;
      assert.ok(found >= leastLsn, `I3: cursor ${id} is at ${found}, ${leastLsn} was promised`);
      const mostLsn = pendingLsn ?? ackLsn;
      assert.ok(found <= mostLsn, `I3: cursor ${id} is at ${found}, ${mostLsn} was acknowledged`);
      endpoint.durableLsn = Math.min(endpoint.durableLsn, found);
    }
  }

  #goOn(tail: StreamTail): void {
    this.#writer = this.#newWriter(tail);
    // The beginning of the last frame was given up: the next process has to search its end.
    const openLsn = this.reference.openLsn(this.#source.openBytes) ?? tail.endLsn;
    this.#isPlaceLost = tail.openBytes.length > 0 && !this.reference.isStart(tail.openLsn, openLsn);
    // Output that was refused and not told of is lost with the process, and so is the place in it.
    const isLost = this.#refused.bytes > 0;
    const isHeadLost = this.reference.isGone(openLsn);
    if (isLost || isHeadLost || this.#writer.attachedFifo !== this.#fifo) this.#leaveFifo();
    // What the dead process had open is closed.
    this.#files.current = new SegmentFiles(this.disk, this.#options.filesOpenMax);
    this.#restartReaders();
  }

  /** Looks at what is left and takes it for the truth, after checking that it may be lost. */
  #settle(isPowerLoss: boolean): void {
    const { reference } = this;
    const fromLsn = this.#oldestLsn();
    const lost: Range[] = [];
    if (isPowerLoss) {
      // Before the oldest segment stands what was removed, and what is lost.
      lost.push({ fromLsn: this.#removedLsn, toLsn: fromLsn });
      for (let lsn = fromLsn; lsn < reference.endLsn; lsn += 1) {
        const mayGo = lsn < this.#removedLsn || !reference.isDurable(lsn);
        if (mayGo) reference.markDoubtful({ fromLsn: lsn, toLsn: lsn + 1 });
      }
    }
    const survey = this.#survey();
    for (const { fromLsn, toLsn } of survey.gaps) lost.push({ fromLsn, toLsn });
    reference.settle(fromLsn, lost);
  }

  /** At the end: everything is read, and everything adds up. */
  finish(): void {
    const { reference } = this;
    const fromLsn = this.#oldestLsn();
    for (const endpoint of this.#endpoints) {
      this.#read(endpoint, Number.POSITIVE_INFINITY);
      assert.equal(endpoint.reader.lsn, reference.endLsn, 'I1: an endpoint reads to the end');
    }
    const survey = this.#survey();
    const offered = reference.frames.filter((frame) => frame.startLsn >= fromLsn);
    const counts = survey.gaps.map(({ frames }) => frames);
    const isKnown = counts.every((count) => count !== undefined);
    const isGivenUp = survey.gaps.some(
      ({ reason }) => reason === 'evicted' || reason === 'expired',
    );
    const isVague = this.#hasVoid || hasGapBehindGap(survey.gaps) || isGivenUp;
    if (isKnown && (this.#isExact || this.#failures === 0 || !isVague)) {
      const lost = counts.reduce((sum, count) => sum + count, 0);
      const delivered = offered.filter(({ endLsn }) => survey.frames.has(endLsn)).length;
      const cut = survey.gaps.map(({ toLsn }) => reference.cutAt(toLsn, this.#source.openBytes));
      const unfinished = cut.reduce((sum, count) => sum + count, 0);
      const expected = offered.length + unfinished;
      const head = this.#headCut(survey.gaps[0]?.fromLsn ?? -1, delivered + lost - expected);
      const excess = delivered + lost - head - expected;
      // A frame that was told lost with its beginning may never have become whole.
      const off = this.#isExact ? 0 : this.#failures + survey.gaps.length;
      assert.ok(
        excess <= reference.tornFrames + reference.unfinishedFrames + off,
        'I1: no frame is counted twice',
      );
      // One that never became whole may be counted or not. And when a block that told of refused
      // frames is damaged, nothing is left that counts them.
      const untold = offered.filter(({ isRefused }) => isRefused).length;
      assert.ok(
        excess >= -unfinished - (this.#isExact ? 0 : off + untold),
        'I1: every frame is delivered or counted',
      );
    }
    this.#writer.closeSegment();
    this.#files.current.closeDirectory(this.log.directory);
    const open = this.disk.openPaths.filter((path) => path.startsWith(this.log.directory));
    assert.deepEqual(open, [], 'I11: no descriptor is left behind');
  }
}
