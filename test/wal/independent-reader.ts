/**
 * Reads a WAL by docs/wal-format.md alone, without a line of `src`: what both read the same is
 * what the document says. It holds whole files in memory: for tests only.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { crc32, zstdDecompressSync } from 'node:zlib';

type Segment = NonNullable<ReturnType<typeof parseSegment>>;
type Block = NonNullable<ReturnType<typeof blockAt>>;
type Count = 'frames' | 'innerFrames' | 'endOrdinal';
type Told = { fifo?: string; reason?: string } & { [name in Count]?: number };
/** What stands in the stream; `record` is what is told, or the attach of stream bytes. */
export type Item = Block & { what: 'bytes' | 'told' | 'lost' | 'edge'; record: Told };

const u64 = (bytes: Buffer, at: number): number => Number(bytes.readBigUInt64LE(at));
const magicOf = (salt: number, word = 0xb10c4a1d): number => (word ^ salt) >>> 0;
const isCrcAt = (bytes: Buffer, at: number, seed = 0) =>
  crc32(bytes.subarray(0, at), seed) === bytes.readUInt32LE(at);
const isOf = (id: string, bytes: Buffer, magic: string, at: number): boolean =>
  bytes.toString('latin1', 0, 8) + bytes.toString('hex', at, at + 8) === magic + id.slice(0, 16);
const statsOf = (bytes: Buffer) => ({
  ...{ minNs: bytes.readBigInt64LE(24), maxNs: bytes.readBigInt64LE(32) },
  ...{ frames: bytes.readUInt32LE(40), lines: bytes.readUInt32LE(44) },
});

function parseSegment(path: string, sequence: number, id: string) {
  const bytes = readFileSync(path);
  if (bytes.length < 64 || !isOf(id, bytes, 'DLWALSG1', 52)) return undefined;
  const isSound = isCrcAt(bytes, 60) && bytes.readUInt16LE(8) === 1 && u64(bytes, 16) === sequence;
  const place = { lsn: u64(bytes, 24), ordinal: u64(bytes, 32), createdMs: u64(bytes, 44) };
  const more = { kind: bytes.readUInt16LE(10), salt: bytes.readUInt32LE(40) };
  return isSound ? { bytes, sequence, ...place, ...more } : undefined;
}

/** The sound block at `offset`, its payload decompressed; undefined when there is none. */
function blockAt({ bytes, salt }: { bytes: Buffer; salt: number }, offset: number) {
  const head = bytes.subarray(offset, offset + 72);
  if (offset < 64 || head.length < 72 || !isCrcAt(head, 68, offset)) return undefined;
  const [type = 0, codec = 0] = head.subarray(4, 6);
  const [storedBytes, span, lsn] = [head.readUInt32LE(8), head.readUInt32LE(12), u64(head, 16)];
  const end = offset + 80 + storedBytes;
  if (storedBytes > (1 << 20) + (1 << 16) || end > bytes.length) return undefined;
  const stored = bytes.subarray(offset + 72, end - 8);
  const checks = [
    head.readUInt32LE(0) === magicOf(salt),
    bytes.readUInt32LE(end - 8) === 80 + storedBytes,
    bytes.readUInt32LE(end - 4) === magicOf(salt, 0x4ef3b5e2),
    crc32(stored, magicOf(salt, lsn % 2 ** 32)) === head.readUInt32LE(52),
  ];
  if (checks.includes(false)) return undefined;
  const payload = codec === 1 ? zstdDecompressSync(stored, { maxOutputLength: 1 << 20 }) : stored;
  if ((type === 1 || type === 2) && payload.length !== span) return undefined;
  const place = { ordinal: u64(head, 60), firstFrame: head.readInt32LE(48) };
  const more = { flags: head.readUInt16LE(6), attachOffset: head.readUInt32LE(56) };
  return { type, codec, payload, offset, end, lsn, span, ...place, ...more, ...statsOf(head) };
}

/** What the index at the end of a sealed file says; undefined when the file is not whole. */
export function readIndex(segment: Segment) {
  const { bytes, kind } = segment;
  const last = blockAt(segment, bytes.length - bytes.readUInt32LE(bytes.length - 8));
  if (kind !== 2 || last?.type !== 5 || last.payload.length < 16) return undefined;
  const length = last.payload.readUInt32LE(8);
  if (last.payload.length !== 16 + 48 * length) return undefined;
  const entries = Array.from({ length }, (_, index) => {
    const entry = last.payload.subarray(16 + 48 * index);
    const place = { offset: entry.readUInt32LE(0), type: entry.readUInt32LE(4) };
    return { ...place, lsn: u64(entry, 8), ordinal: u64(entry, 16), ...statsOf(entry) };
  });
  const sums = { lostFrames: u64(last.payload, 0), allLines: last.payload.readUInt32LE(12) };
  return { ...last, ...sums, entries };
}

/** Of each number the file that counts, ascending; undefined where none is a segment. */
export function openSegments(directory: string, containerId: string): (Segment | undefined)[] {
  const names = readdirSync(directory).filter((name) => /^\d{20}\.[wz]$/.test(name));
  return [...new Set(names.map((name) => name.slice(0, 20)))].sort().map((number) => {
    const [sealed, raw] = [`${number}.z`, `${number}.w`].map((name) =>
      names.includes(name) ? parseSegment(`${directory}/${name}`, +number, containerId) : undefined,
    );
    return sealed && readIndex(sealed) ? sealed : (raw ?? sealed);
  });
}

/** Where a file begins, its sound blocks, and undefined where there are bytes that are none. */
export function* blocksOf(segment: Segment): Generator<Item | undefined> {
  const { bytes, salt, lsn, ordinal } = segment;
  const start = { type: 0, codec: 0, payload: Buffer.alloc(0), offset: 0, end: 64, lsn, ordinal };
  const none = { span: 0, firstFrame: -1, flags: 0, attachOffset: 0, ...statsOf(Buffer.alloc(48)) };
  yield { what: 'edge', ...start, ...none, record: {} };
  const magic = Buffer.from(Uint32Array.of(magicOf(salt)).buffer);
  for (let at = 64; at >= 0 && at < bytes.length; ) {
    const block = blockAt(segment, at);
    const what = (['edge', 'bytes', 'bytes', 'told', 'told'] as const)[block?.type ?? 0] ?? 'edge';
    const told = block && (what === 'bytes' ? blockAt(segment, block.attachOffset) : block);
    const json = told?.type === 3 || told?.type === 4 ? told.payload.toString() : '{}';
    yield block && { what, ...block, record: JSON.parse(json) as Told };
    at = block?.end ?? bytes.indexOf(magic, at + 1);
  }
}

function ordinalBehind({ ordinal, frames, record }: Item): number {
  const told = record.endOrdinal ?? ordinal + (record.frames ?? 0) - (record.innerFrames ?? 0);
  return /evicted|expired|damage/.test(record.reason ?? '') ? told : ordinal + frames;
}

/** The stream from `fromLsn` on, or from the oldest position there is. */
export function readStream(directory: string, containerId: string, fromLsn = 0): Item[] {
  const segments = openSegments(directory, containerId);
  const first = segments.findLastIndex((segment) => segment && segment.lsn <= fromLsn);
  const files = segments.slice(first < 0 ? 0 : first);
  const blocks = files.flatMap((file) => (file ? [...blocksOf(file)] : [undefined]));
  let [at, ordinal] = [Math.max(fromLsn, blocks[0]?.lsn ?? 0), blocks[0]?.ordinal ?? 0];
  let loss: { reason: string; frames: number } | undefined;
  return blocks.flatMap((block, index): Item[] => {
    if (block === undefined) return [];
    const items: Item[] = [];
    const { lsn, span, what } = block;
    if (lsn > at) {
      const reason = blocks[index - 1] === undefined ? 'damage' : 'missing';
      loss = { reason, frames: Math.max(0, block.ordinal - ordinal) };
      items.push({ ...block, what: 'lost', lsn: at, span: lsn - at, ordinal, record: loss });
      at = lsn;
    }
    if (loss && what === 'bytes' && !(block.flags & 1)) loss.frames += 1;
    if (span > 0) loss = undefined;
    ordinal = Math.max(ordinal, ordinalBehind(block));
    if (what === 'edge' || lsn + span < at || (span > 0 && lsn + span === at)) return items;
    const skip = Math.max(0, at - lsn);
    const rest = { lsn: lsn + skip, span: span - skip, payload: block.payload.subarray(skip) };
    at = lsn + span;
    return [...items, { ...block, ...rest, firstFrame: Math.max(-1, block.firstFrame - skip) }];
  });
}

/** The newest sound cursor of each endpoint. */
export function readCursors(path: string, containerId: string) {
  const bytes = readFileSync(path);
  const isSound = ['DLWALCU1', 'DLWALCU2'].some((name) => isOf(containerId, bytes, name, 8));
  if (!isSound || !isCrcAt(bytes, 28)) return [];
  const [first, step, size, other] = bytes[7] === 0x31 ? [32, 128, 64, 64] : [256, 256, 256, 7936];
  return Array.from({ length: 31 }, (_, pair) => first + step * pair).flatMap((at) => {
    const [slot] = [bytes.subarray(at, at + size), bytes.subarray(at + other, at + other + size)]
      .filter((each) => each.readUInt32LE(0) === 0x5c0a7e11 && isCrcAt(each, size - 4))
      .sort((a, b) => u64(b, 8) - u64(a, 8));
    if (slot === undefined) return [];
    const [ackLsn, sequence, offset, ackedAtMs] = [16, 24, 32, 40].map((at) => u64(slot, at));
    const state = slot.toString('hex', 64, 64 + slot.readUInt16LE(56));
    const acked = { ackLsn, ackOrdinal: u64(slot, 48), ackedAtMs, place: { sequence, offset } };
    return [{ endpointId: slot.readUInt16LE(4), ...acked, ...(state && { state }) }];
  });
}
