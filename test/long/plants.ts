/**
 * Bugs that lose, double or miscount lines, each as one change of the source and the tests that
 * are to catch it. Whoever changes one of these places changes it here as well: a text that is
 * not found exactly once fails the run. A plant must compile, and be wrong in what it does only.
 */

/** One bug. */
export interface Plant {
  /** What goes wrong with it. */
  readonly bug: string;
  /** The file of the source, from the top of the repository. */
  readonly file: string;
  /** The text that is there once, and what stands in its place. */
  readonly find: string;
  readonly replace: string;
  /** The test files that are to catch it: quick ones. */
  readonly tests: readonly string[];
}

const bytes: readonly Plant[] = [
  {
    bug: 'a payload is believed without its checksum',
    file: 'src/wal/block.ts',
    find: 'return payloadCrcOf(payload, salt, header.lsn) === header.payloadCrc;',
    replace: 'return payload.length === header.storedBytes;',
    tests: ['test/wal/sealer.test.ts'],
  },
  {
    bug: 'a header is believed without its checksum',
    file: 'src/wal/block.ts',
    find: `  if (headerCrcOf(bytes.subarray(at, at + 68), offset) !== bytes.readUInt32LE(at + 68))
    return false;
`,
    replace: '',
    tests: ['test/wal/damage.test.ts'],
  },
  {
    bug: 'a header is good at any offset: a container that prints its own log is believed',
    file: 'src/wal/format.ts',
    find: 'return crc32(header, offset % 2 ** 32);',
    replace: 'return crc32(header, offset >= 0 ? 0 : 1);',
    tests: ['test/wal/damage.test.ts'],
  },
  {
    bug: 'magics are the same in every file: the log of another container is believed',
    file: 'src/wal/format.ts',
    find: 'return (blockMagic ^ salt) >>> 0;',
    replace: 'return salt === -1 ? 0 : blockMagic;',
    tests: ['test/wal/damage.test.ts'],
  },
  {
    bug: 'a sealed file counts although it is not whole',
    file: 'src/wal/segment-file.ts',
    find: 'if (sealed !== undefined && (isAlone || sealed.isWhole)) return sealed;',
    replace: 'if (sealed !== undefined && (isAlone || sealed.isSealed)) return sealed;',
    tests: ['test/wal/sealer.test.ts'],
  },
];

const delivery: readonly Plant[] = [
  {
    bug: 'what is sent counts as acknowledged before the answer',
    file: 'src/shipper/endpoint-queue.ts',
    find: 'const outcome = await this.#attempt(batch);',
    replace: "void this.#attempt(batch);\n    const outcome = ['settled' as Outcome][0];",
    tests: ['test/shipper/shipper.test.ts'],
  },
  {
    bug: 'a push that was cancelled counts as acknowledged (alloy#7065)',
    file: 'src/shipper/endpoint-queue.ts',
    find: "if (outcome === 'cancelled') return;",
    replace: "if (outcome === 'cancelled') this.#settle(batch);",
    tests: ['test/shipper/regressions.test.ts'],
  },
  {
    bug: 'the position runs ahead of an open partial line',
    file: 'src/shipper/stream-source.ts',
    find: 'const lsn = held?.lsn ?? this.#lsn;',
    replace: 'const lsn = held === undefined ? this.#lsn : this.#lsn;',
    tests: ['test/shipper/shipper.test.ts'],
  },
  {
    bug: 'a position in the segment that is written is taken for its end (alloy#7112)',
    file: 'src/shipper/shipper.ts',
    find: 'if (known !== undefined) return known;\n    if (endpoint.startAt',
    replace:
      'if (known !== undefined) return newestEdge(this.#options.disk, directory, containerId);\n    if (endpoint.startAt',
    tests: ['test/shipper/regressions.test.ts'],
  },
  {
    bug: 'the end of a file is taken for the place of a position inside of it',
    file: 'src/wal/stream-reader.ts',
    find: 'return last !== undefined && header.lsn + header.lsnSpan <= lsn;',
    replace: 'return last !== undefined;',
    tests: ['test/wal/stream-reader.test.ts'],
  },
  {
    bug: 'a cursor is written into the slots of another endpoint (alloy#6154)',
    file: 'src/wal/cursor-file.ts',
    find: 'if (slot?.cursor.endpointId === endpointId) return pair;',
    replace: 'if (slot !== undefined && endpointId > 0) return pair;',
    tests: ['test/shipper/regressions.test.ts'],
  },
  {
    bug: 'an endpoint goes on at the cursor of another one (alloy#6154)',
    file: 'src/wal/cursor-file.ts',
    find: 'return this.#slots.find((slot) => slot?.cursor.endpointId === endpointId)?.cursor;',
    replace: 'return this.#slots.find((slot) => slot && endpointId > 0)?.cursor;',
    tests: ['test/shipper/regressions.test.ts'],
  },
  {
    bug: 'both slots of a cursor are one: a torn write leaves none',
    file: 'src/wal/cursor-slot.ts',
    find: 'slotBytes + (side * cursorEndpointsMax + pair) * slotBytes',
    replace: 'slotBytes + (side * 0 + pair) * slotBytes',
    tests: ['test/wal/small-files.test.ts'],
  },
  {
    bug: 'a number of an endpoint that is gone is given to another one',
    file: 'src/wal/endpoint-registry.ts',
    find: 'this.#lastId = ids === undefined ? lastIdInCursors(disk, root) : 0;',
    replace: 'this.#lastId = 0;',
    tests: ['test/wal/small-files.test.ts'],
  },
  {
    bug: 'an endpoint is not told of a loss',
    file: 'src/shipper/stream-source.ts',
    find: 'return this.#cutAt(header.lsn + header.lsnSpan, lossOfRange(header, gap, reached));',
    replace:
      'return lossOfRange(header, gap, reached) && this.#cutAt(header.lsn + header.lsnSpan);',
    tests: ['test/shipper/shipper.test.ts'],
  },
  {
    bug: 'an endpoint is told of frames that it has',
    file: 'src/wal/reader-loss.ts',
    find: 'frames: frames === undefined ? undefined : Math.max(0, frames - had),',
    replace: 'frames: had < 0 ? 0 : frames,',
    tests: ['test/shipper/gaps.test.ts'],
  },
  {
    bug: 'a reader that found its next segment looks for it again, and finds it given up',
    file: 'src/wal/stream-reader.ts',
    find: 'if (!this.#isAdjacent(found.next)) {\n      if (this.#isElsewhere(after)) return false;',
    replace:
      '{\n      if (!this.#isAdjacent(found.next) && this.#isElsewhere(after)) return false;',
    tests: ['test/wal/tombstone.test.ts'],
  },
  {
    bug: 'a reader goes on in a sealed file in whose place the word of its loss stands',
    file: 'src/wal/segment-files.ts',
    find: 'now.header.salt !== held.header.salt',
    replace: '!held.isSealed && now.header.salt !== held.header.salt',
    tests: ['test/wal/tombstone.test.ts'],
  },
  {
    bug: 'a batch is sent before the one with earlier lines of the same container has its answer',
    file: 'src/shipper/held-batches.ts',
    find: "batch.state === 'waiting' && batch.blockedBy.size === 0",
    replace: "batch.state === 'waiting' && batch.blockedBy.size >= 0",
    tests: ['test/shipper/in-flight.test.ts'],
  },
  {
    bug: 'what is given back when the breaker opens is not read again',
    file: 'src/shipper/held-batches.ts',
    find: 'lane.source.rewind(part.start);',
    replace: 'lane.source.rewind(part.end);',
    tests: ['test/shipper/outages.test.ts'],
  },
  {
    bug: 'a container goes on at its fastest endpoint: its data goes before the others have it',
    file: 'src/shipper/container-cursors.ts',
    find: 'if (cursor.written.lsn < least.lsn) least = cursor.written;',
    replace: 'least = cursor.written.lsn > least.ordinal ? cursor.written : least;',
    tests: ['test/shipper/many-endpoints.test.ts'],
  },
  {
    bug: 'the data of an endpoint in its grace period is let go',
    file: 'src/shipper/container-cursors.ts',
    find: 'this.#pinned.set(id, known.get(id) ?? this.#make(id, start));',
    replace: 'known.set(id, known.get(id) ?? this.#make(id, start));',
    tests: ['test/shipper/many-endpoints.test.ts'],
  },
];

const removal: readonly Plant[] = [
  {
    bug: 'segments go that no endpoint has acknowledged',
    file: 'src/retention/draft.ts',
    find: 'return this.#oldestEndLsn <= Math.min(ackLsn, durableLsn);',
    replace: 'return this.#oldestEndLsn <= Math.max(ackLsn, durableLsn, this.view.endLsn);',
    tests: ['test/retention/plan.test.ts'],
  },
  {
    bug: 'segments go behind a cursor that a loss of power would take back (vector#25570)',
    file: 'src/retention/draft.ts',
    find: 'return this.#oldestEndLsn <= Math.min(ackLsn, durableLsn);',
    replace: 'return this.#oldestEndLsn <= Math.min(ackLsn, Math.max(ackLsn, durableLsn));',
    tests: ['test/retention/plan.test.ts'],
  },
  {
    bug: 'the segment that is written goes, and the end of the stream with it',
    file: 'src/retention/draft.ts',
    find: 'if (this.#isBlocked || this.isOldestNewest) return false;',
    replace: 'if (this.#isBlocked) return false;',
    tests: ['test/retention/plan.test.ts'],
  },
  {
    bug: 'a cursor is called durable and was never synced',
    file: 'src/shipper/container-cursors.ts',
    find: 'this.#file.set(written, durable);',
    replace: 'this.#file.set(written, false);',
    tests: ['test/wal/regressions.test.ts'],
  },
  {
    bug: 'every cursor is called durable, synced or not',
    file: 'src/shipper/container-cursors.ts',
    find: 'if (!durable) return;',
    replace: 'if (!durable) cursor.durableLsn = lsn;',
    tests: ['test/wal/regressions.test.ts'],
  },
  {
    bug: 'a segment is given up without a word',
    file: 'src/wal/tombstone.ts',
    find: 'for (const { record, ordinal } of losses) appendGap(writer, record, ordinal);',
    replace: 'if (losses.length < 0) appendGap(writer, losses[0]?.record as GapRecord, 0);',
    tests: ['test/wal/tombstone.test.ts'],
  },
  {
    bug: 'what was given up is counted nowhere',
    file: 'src/capture/segment-upkeep.ts',
    find: 'counters.gap(reason, evicted.toLsn - fromLsn, frames);',
    replace: 'if (frames < 0) counters.gap(reason, evicted.toLsn - fromLsn, frames);',
    tests: ['test/wal/planted-gaps.test.ts'],
  },
  {
    bug: 'frames that are delivered are counted as lost',
    file: 'src/capture/segment-upkeep.ts',
    find: 'const frames = Math.max(0, evicted.frames - ackedFrames);',
    replace: 'const frames = ackedFrames < 0 ? 0 : evicted.frames;',
    tests: ['test/wal/planted-gaps.test.ts'],
  },
  {
    bug: 'the gap of a segment that was given up misses the frame that it cut',
    file: 'src/wal/tombstone.ts',
    find: 'const endOrdinal = Math.max(baseOrdinal, end.ordinal) + end.cut;',
    replace: 'const endOrdinal = Math.max(baseOrdinal, end.ordinal);',
    tests: ['test/wal/tombstone.test.ts'],
  },
  {
    bug: 'a gap that a reader finds misses the frame that it cut',
    file: 'src/wal/stream-reader.ts',
    find: 'gap.frames = Math.max(0, behind.ordinal - before.ordinal) + behind.cut;',
    replace: 'gap.frames = Math.max(0, behind.ordinal - before.ordinal);',
    tests: ['test/wal/planted-gaps.test.ts'],
  },
];

const sealing: readonly Plant[] = [
  {
    bug: 'the raw file goes though the sealed one does not read back the same',
    file: 'src/wal/sealer.ts',
    find: 'if (this.#digestOf(sealed) !== this.#digest) {',
    replace: 'if (this.#digestOf(sealed) === undefined && sealed === undefined) {',
    tests: ['test/wal/planted-gaps.test.ts'],
  },
  {
    bug: 'the raw file goes before the sealed one has its name',
    file: 'src/wal/sealer.ts',
    find: `    const storedBytes = copy.publish();
    disk.unlinkSync(rawPath);`,
    replace: `    disk.unlinkSync(rawPath);
    const storedBytes = copy.publish();`,
    tests: ['test/wal/sealer.test.ts'],
  },
  {
    bug: 'the raw file goes before the sealed one would survive a loss of power',
    file: 'src/wal/sealer.ts',
    find: 'isDurable: true };',
    replace: 'isDurable: false };',
    tests: ['test/wal/planted-gaps.test.ts'],
  },
  {
    bug: 'a remark is sealed before the bytes that stand before it',
    file: 'src/wal/sealer.ts',
    find: `      this.#endGroup();
      this.#copyRemark(offset, header, payload);`,
    replace: `      this.#copyRemark(offset, header, payload);
      this.#endGroup();`,
    tests: ['test/wal/sealer.test.ts'],
  },
  {
    bug: 'the blocks of a group are put together in the wrong order',
    file: 'src/wal/group-builder.ts',
    find: 'payload.copy(gathered, this.length);',
    replace: 'gathered.copyWithin(payload.length, 0, this.length);\n    payload.copy(gathered, 0);',
    tests: ['test/wal/sealer.test.ts'],
  },
  {
    bug: 'damage is sealed as if nothing were missing',
    file: 'src/wal/sealer.ts',
    find: 'this.#recordDamage({ ...header }, offset);',
    replace: 'if (header.lsn < 0) this.#recordDamage({ ...header }, offset);',
    tests: ['test/wal/sealer.test.ts'],
  },
];

const writing: readonly Plant[] = [
  {
    bug: 'a file counts as durable before the disk says so',
    file: 'src/wal/segment-writer.ts',
    find: 'await syncIfItCan(() => this.#disk.fdatasync(fd));',
    replace: 'void syncIfItCan(() => this.#disk.fdatasync(fd)).catch(() => {});',
    tests: ['test/wal/syncer.test.ts'],
  },
  {
    bug: 'what comes in while a file is synced counts as durable with it',
    file: 'src/wal/segment-writer.ts',
    find: '    this.#syncedLsn = endLsn;\n',
    replace: '    this.#syncedLsn = Math.max(endLsn, this.#endLsn);\n',
    tests: ['test/wal/syncer.test.ts'],
  },
  {
    bug: 'a file is trusted again after a failed sync',
    file: 'src/wal/syncer.ts',
    find: 'const isRescued = await this.#rescue(writer.directory, file);',
    replace: 'const isRescued = (await this.#rescue(writer.directory, file)) || true;',
    tests: ['test/wal/syncer.test.ts'],
  },
  {
    bug: 'after a failed sync more is appended to the same file',
    file: 'src/wal/syncer.ts',
    find: 'if (writer.activeFile === file) writer.rotate();',
    replace: 'if (writer.activeFile !== file) writer.rotate();',
    tests: ['test/wal/syncer.test.ts'],
  },
  {
    bug: 'a position is published before its bytes are in the file',
    file: 'src/wal/stream-writer.ts',
    find: '    segment.append(block, payload);\n    this.#writtenBytes',
    replace:
      '    this.#options.committed.publish(this.#endLsn + lsnSpan);\n    segment.append(block, payload);\n    this.#writtenBytes',
    tests: ['test/wal/stream-writer.test.ts'],
  },
  {
    bug: 'a failed append moves the end of the file',
    file: 'src/wal/segment-writer.ts',
    find: 'quietly(() => this.#disk.ftruncateSync(fd, this.#bytes));\n      throw error;',
    replace: 'this.#bytes += total;\n      throw error;',
    tests: ['test/wal/stream-writer.test.ts'],
  },
  {
    bug: 'recovery gives a position twice when the last block of a stream is hurt',
    file: 'src/wal/stream-tail.ts',
    find: 'tail.endLsn = Math.max(tail.endLsn, header.lsn + header.lsnSpan);',
    replace: 'tail.endLsn = header.lsn + header.lsnSpan;',
    tests: ['test/wal/stream-tail.test.ts'],
  },
  {
    bug: 'recovery begins before what an endpoint has acknowledged (vector#17644)',
    file: 'src/wal/store.ts',
    find: 'if (furthest === undefined || furthest.ackLsn <= tail.endLsn) return tail;',
    replace: 'if (furthest === undefined || furthest.ackLsn >= 0) return tail;',
    tests: ['test/wal/regressions.test.ts'],
  },
  {
    bug: 'recovery uses the number of a segment again',
    file: 'src/wal/stream-tail.ts',
    find: 'tail.nextSequence = (sequences.at(-1) ?? 0) + 1;',
    replace: 'tail.nextSequence = Math.max(1, sequences.at(-1) ?? 0);',
    tests: ['test/wal/stream-tail.test.ts'],
  },
  {
    bug: 'output is dropped from the middle of a frame, and the rest of it is kept',
    file: 'src/capture/stream-appender.ts',
    find: 'else if ((counter.flags & blockFlag.startsOnFrame) === 0 && !this.#dropOpenFrame())',
    replace: 'else if ((counter.flags & blockFlag.startsOnFrame) === -1 && !this.#dropOpenFrame())',
    tests: ['test/capture/stream-appender.test.ts'],
  },
  {
    bug: 'a gap of dropped output tells of one frame less',
    file: 'src/capture/loss.ts',
    find: '      last.frames += frames;\n',
    replace: '      last.frames += Math.max(0, frames - 1);\n',
    tests: ['test/capture/stream-appender.test.ts'],
  },
  {
    bug: 'what landed is taken in though the log has it',
    file: 'src/capture/landing.ts',
    find: 'this.readBuffer.fill(emptyByte, 0, length);',
    replace: 'this.readBuffer.fill(emptyByte, length, length);',
    tests: ['test/capture/landing.test.ts'],
  },
];

const clock: readonly Plant[] = [
  {
    bug: 'ages follow the wall clock while the process runs',
    file: 'src/wal/observed-clock.ts',
    find: `this.#monotonicMs = sources.monotonicMs;
    this.#beganAtMs = sources.monotonicMs();`,
    replace: `this.#monotonicMs = sources.wallMs;
    this.#beganAtMs = sources.wallMs();`,
    tests: ['test/wal/observed-clock.test.ts'],
  },
  {
    bug: 'ages follow the wall clock from one start to the next',
    file: 'src/wal/observed-clock.ts',
    find: 'this.#observedMs = saved?.observedMs ?? ',
    replace: 'this.#observedMs = ',
    tests: ['test/wal/observed-clock.test.ts'],
  },
];

/** All bugs, as rooms of the house. */
export const plants: readonly Plant[] = [
  ...bytes,
  ...delivery,
  ...removal,
  ...sealing,
  ...writing,
  ...clock,
];

/** Why the table does not fit the code any more; undefined where it does. */
export function misfit({ bug, file, find, replace }: Plant, text: string): string | undefined {
  if (find === replace) return `plant '${bug}' changes nothing`;
  const times = text.split(find).length - 1;
  if (times === 1) return undefined;
  return `plant '${bug}': its text is in ${file} ${times} times, not once:\n${find}`;
}
