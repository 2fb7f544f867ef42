import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import { DriverError } from '../../src/base/errors.ts';
import { encodeSegmentHeader, fileHeaderBytes, formatVersion } from '../../src/wal/format.ts';
import {
  type ContainerRecord,
  type Cursor,
  CursorFile,
  EndpointRegistry,
  readContainerRecord,
  readCursors,
  writeContainerRecord,
} from '../../src/wal/index.ts';
import { DamagedLog, type KnownBlock } from '../helpers/corruption.ts';
import { MemoryDisk } from '../helpers/memory-disk.ts';

const containerId = 'ab'.repeat(32);
const raw = '00000000000000000002.w';
const sealed = '00000000000000000002.z';

/** The same log with its middle segment as it was written, and sealed. */
const logs = {
  raw: new DamagedLog(containerId),
  sealed: new DamagedLog(containerId, [2]),
};
const names = { raw, sealed };

type Kind = keyof typeof logs;
const kinds: readonly Kind[] = ['raw', 'sealed'];

function soundFile(kind: Kind): Buffer {
  const bytes = logs[kind].sound.get(names[kind]);
  assert.ok(bytes !== undefined);
  return bytes;
}

/** Blocks of the file that are not as they were; all of them when its head is not. */
function hitBy(kind: Kind, damaged: Buffer): (block: KnownBlock) => boolean {
  const sound = soundFile(kind);
  const same = (from: number, to: number): boolean =>
    sound.subarray(from, to).equals(damaged.subarray(from, to));
  const isHeadSame = same(0, fileHeaderBytes);
  return (block) => block.name === names[kind] && !(isHeadSame && same(block.from, block.to));
}

/** Puts a damaged file in the place of the middle segment and checks what is lost by it. */
function checkDamage(kind: Kind, damaged: Buffer, what: string): void {
  const log = logs[kind];
  log.plant(new Map([[names[kind], damaged]]));
  const isHit = hitBy(kind, damaged);
  log.checkLoss(isHit, `I8: ${kind}, ${what}`);
  for (const lsn of cursorsOf(kind)) log.checkLoss(isHit, `I8: ${kind}, ${what}, from ${lsn}`, lsn);
}

/** Places in the middle of the file at which an endpoint may stand. */
function cursorsOf(kind: Kind): number[] {
  const inFile = logs[kind].blocks.filter(
    (block) => block.name === names[kind] && block.startsOnFrame && block.lsnSpan > 0,
  );
  return inFile.slice(1, 2).map((block) => block.lsn);
}

function blocksOf(kind: Kind): KnownBlock[] {
  return logs[kind].blocks.filter((block) => block.name === names[kind]);
}

for (const kind of kinds) {
  const size = soundFile(kind).length;

  test(`I8: a flipped byte loses the block it is in, wherever it is (${kind}, ${size} B)`, () => {
    const sound = soundFile(kind);
    for (let at = 0; at < sound.length; at += 1) {
      const damaged = Buffer.from(sound);
      damaged[at] = (damaged[at] ?? 0) ^ (1 << (at % 8));
      checkDamage(kind, damaged, `flipped at ${at}`);
    }
  });

  test(`I8: a run of zeros or 0xff loses the blocks under it, wherever it is (${kind})`, () => {
    const sound = soundFile(kind);
    for (const fill of [0, 0xff]) {
      for (let at = 0; at < sound.length; at += 1) {
        const damaged = Buffer.from(sound).fill(fill, at, Math.min(sound.length, at + 16));
        checkDamage(kind, damaged, `${fill} from ${at}`);
      }
    }
  });

  test(`I8: a file that ends too soon loses what is cut off, wherever that is (${kind})`, () => {
    const sound = soundFile(kind);
    for (let at = 0; at < sound.length; at += 1) {
      checkDamage(kind, Buffer.from(sound.subarray(0, at)), `cut at ${at}`);
      // A file that grew and was never written: zeros up to its length.
      if (at % 7 === 0) checkDamage(kind, Buffer.from(sound).fill(0, at), `zeros from ${at}`);
    }
  });

  test(`I8: a block that is written over another one, or twice, is no block there (${kind})`, () => {
    const sound = soundFile(kind);
    const blocks = blocksOf(kind);
    for (const source of blocks) {
      for (const target of blocks) {
        const part = sound.subarray(source.from, source.to);
        const over = Buffer.from(sound);
        part.copy(over, target.from);
        checkDamage(kind, over, `block at ${source.from} over ${target.from}`);
        const parts = [sound.subarray(0, target.from), part, sound.subarray(target.from)];
        checkDamage(kind, Buffer.concat(parts), `block at ${source.from} before ${target.from}`);
      }
      const behind = Buffer.concat([sound, sound.subarray(source.from, source.to)]);
      checkDamage(kind, behind, `block at ${source.from} again at the end`);
    }
  });

  test(`I8: blocks that have changed places are lost, and no other (${kind})`, () => {
    const sound = soundFile(kind);
    const blocks = blocksOf(kind);
    for (const [index, first] of blocks.entries()) {
      for (const second of blocks.slice(index + 1)) {
        const swapped = Buffer.concat([
          sound.subarray(0, first.from),
          sound.subarray(second.from, second.to),
          sound.subarray(first.to, second.from),
          sound.subarray(first.from, first.to),
          sound.subarray(second.to),
        ]);
        checkDamage(kind, swapped, `${first.from} and ${second.from} swapped`);
      }
    }
  });

  test(`I8: a block of an older file with the same content is no block (${kind})`, () => {
    // The same log written before: the same bytes at the same places, with another salt.
    const older = new DamagedLog(containerId, kind === 'sealed' ? [2] : []);
    const stale = older.sound.get(names[kind]);
    assert.ok(stale !== undefined);
    const sound = soundFile(kind);
    for (const { from, to } of blocksOf(kind)) {
      const damaged = Buffer.from(sound);
      stale.copy(damaged, from, from, to);
      checkDamage(kind, damaged, `an older block at ${from}`);
    }
  });

  test(`I8: a segment that is gone, empty, foreign or of a newer version is one gap (${kind})`, () => {
    const log = logs[kind];
    const name = names[kind];
    const sound = soundFile(kind);
    const isHit = (block: KnownBlock): boolean => block.name === name;
    const foreign = new DamagedLog('cd'.repeat(32), kind === 'sealed' ? [2] : []).sound.get(name);
    const newer = Buffer.from(sound);
    newer.writeUInt16LE(formatVersion + 1, 8);
    newer.writeUInt32LE(crc32(newer.subarray(0, 60)), 60);
    const first = log.sound.get('00000000000000000001.w');
    const cases: [string, Buffer | undefined][] = [
      ['missing', undefined],
      ['empty', Buffer.alloc(0)],
      ['of another container', foreign],
      ['of a newer version', newer],
      ['text', Buffer.from('no segment at all\n'.repeat(40))],
      ['the first segment again', first],
      ['a header and nothing else', Buffer.from(sound.subarray(0, fileHeaderBytes))],
    ];
    for (const [what, content] of cases) {
      log.plant(new Map([[name, content]]));
      log.checkLoss(isHit, `I8: ${kind}, a segment that is ${what}`);
    }
  });

  test(`I8: a segment under another number, or under two, is read once in its place (${kind})`, () => {
    const log = logs[kind];
    const name = names[kind];
    const sound = soundFile(kind);
    const copies = ['4', '9'].map((digit) => `0000000000000000000${digit}${name.slice(-2)}`);
    for (const copy of copies) {
      log.plant(new Map([[copy, sound]]));
      log.checkLoss(() => false, `I8: ${kind}, a copy as ${copy}`);
      log.plant(
        new Map<string, Buffer | undefined>([
          [copy, sound],
          [name, undefined],
        ]),
      );
      log.checkLoss((block) => block.name === name, `I8: ${kind}, moved to ${copy}`);
    }
    const first = '00000000000000000001.w';
    const swapped = new Map([
      [name, log.sound.get(first)],
      [first, sound],
    ]);
    log.plant(swapped);
    const isHit = (block: KnownBlock): boolean => block.name === name || block.name === first;
    log.checkLoss(isHit, `I8: ${kind}, swapped with its neighbour`);
  });
}

test('I8: of a raw file and its sealed form the one that is whole is read', () => {
  const log = logs.sealed;
  const rawFile = logs.raw.sound.get(raw);
  assert.ok(rawFile !== undefined);
  const whole = soundFile('sealed');
  // The raw file of the other log has other salts, but it is the same segment of the stream.
  log.plant(new Map([[raw, rawFile]]));
  log.checkLoss(() => false, 'both');
  for (let at = 0; at < whole.length; at += 1) {
    log.plant(
      new Map([
        [raw, rawFile],
        [sealed, Buffer.from(whole.subarray(0, at))],
      ]),
    );
    const lost = log.read().filter((each) => each.what === 'gap');
    assert.deepEqual(lost, [], `nothing is lost by a sealed file that ends at ${at}`);
  }
});

test('I14: a length is never believed, however sound its checksum', () => {
  const log = logs.raw;
  const header = {
    kind: 1,
    sequence: 2,
    baseLsn: 2 ** 53 + 2,
    baseOrdinal: 0,
    salt: 1,
    createdMs: 1,
  };
  const far = encodeSegmentHeader(header, containerId);
  log.plant(new Map([[raw, far]]));
  log.checkLoss((block) => block.name === raw, 'I14: a position beyond all numbers');
  const before = process.memoryUsage().arrayBuffers;
  for (const [at, what] of [
    [8, 'stored bytes'],
    [12, 'span'],
  ] as const) {
    for (const length of [0xffff_ffff, 0x7fff_ffff, (1 << 20) + (1 << 16) + 1]) {
      const damaged = Buffer.from(soundFile('raw'));
      const [, block] = blocksOf('raw');
      assert.ok(block !== undefined);
      damaged.writeUInt32LE(length, block.from + at);
      // As a hostile writer would: the checksum of the header fits.
      damaged.writeUInt32LE(
        crc32(damaged.subarray(block.from, block.from + 68), block.from),
        block.from + 68,
      );
      log.plant(new Map([[raw, damaged]]));
      log.checkLoss(hitBy('raw', damaged), `I14: ${what} of ${length}`);
    }
  }
  const grownBytes = process.memoryUsage().arrayBuffers - before;
  assert.ok(grownBytes < 64 << 20, `I14: ${grownBytes} bytes were taken`);
});

/** A directory with a cursor file in which three endpoints moved several times. */
function cursorDisk(): { disk: MemoryDisk; all: Cursor[] } {
  const disk = new MemoryDisk();
  disk.mkdirSync('/c', { recursive: true, mode: 0o700 });
  const file = new CursorFile(disk, '/c', containerId);
  const all: Cursor[] = [];
  for (let round = 1; round <= 3; round += 1) {
    for (const endpointId of [1, 2, 9]) {
      const ackLsn = round * 1000 + endpointId;
      const place = { sequence: round, offset: 64 * round };
      const cursor = { endpointId, ackLsn, ackOrdinal: round, place, ackedAtMs: round };
      file.set(cursor, false);
      all.push(cursor);
    }
  }
  return { disk, all };
}

test('I3: a hurt cursor file gives an earlier cursor or none, never another one', () => {
  const { disk, all } = cursorDisk();
  const sound = disk.readFileSync('/c/cursors');
  const damages: ((bytes: Buffer, at: number) => Buffer)[] = [
    (bytes, at) => bytes.fill((bytes[at] ?? 0) ^ (1 << (at % 8)), at, at + 1),
    (bytes, at) => bytes.fill(0, at, at + 16),
    (bytes, at) => bytes.fill(0xff, at, at + 16),
    (bytes, at) => bytes.subarray(0, at),
  ];
  for (const damage of damages) {
    for (let at = 0; at < 600; at += 1) {
      disk.plant('/c/cursors', damage(Buffer.from(sound), at));
      for (const cursor of readCursors(disk, '/c', containerId)) {
        const isKnown = all.some(
          ({ endpointId, ackLsn }) => endpointId === cursor.endpointId && ackLsn === cursor.ackLsn,
        );
        assert.ok(isKnown, `I3: endpoint ${cursor.endpointId} at ${cursor.ackLsn}, hurt at ${at}`);
      }
    }
  }
  disk.plant('/c/cursors', sound);
  assert.deepEqual(readCursors(disk, '/c', 'cd'.repeat(32)), [], 'it belongs to one container');
});

test('a hurt container record is refused with a reason, or is a record', () => {
  const disk = new MemoryDisk();
  disk.mkdirSync('/c', { recursive: true, mode: 0o700 });
  const record: Omit<ContainerRecord, 'version'> = {
    containerId,
    containerName: 'name',
    imageId: 'image',
    imageName: 'image:1',
    createdAt: '2026-01-01T00:00:00Z',
    labels: { a: 'b' },
    logOpts: { 'loki-url': 'http://user:secret@host' },
    fifos: ['/run/fifo'],
  };
  writeContainerRecord(disk, '/c', record);
  const sound = disk.readFileSync('/c/meta.json');
  for (let at = 0; at < sound.length; at += 1) {
    const flipped = Buffer.from(sound);
    flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
    for (const damaged of [flipped, sound.subarray(0, at), Buffer.from(sound).fill(0, at)]) {
      disk.plant('/c/meta.json', damaged);
      try {
        assert.equal(readContainerRecord(disk, '/c')?.version, 1);
      } catch (error) {
        assert.ok(error instanceof DriverError && error.code === 'wal_corrupt', `at ${at}`);
        assert.ok(!error.message.includes('secret'), 'its reason keeps the secret');
      }
    }
  }
});

test('I4: a hurt list of endpoints never gives two of them one number', async () => {
  const disk = new MemoryDisk();
  disk.mkdirSync('/wal/c', { recursive: true, mode: 0o700 });
  const keys = Array.from({ length: 12 }, (_, index) => `key${index}`);
  const first = new EndpointRegistry(disk, '/wal');
  for (const key of keys) await first.idOf(key);
  const sound = disk.readFileSync('/wal/endpoints.json');
  for (let at = 0; at < sound.length; at += 1) {
    const flipped = Buffer.from(sound);
    flipped[at] = (flipped[at] ?? 0) ^ 1;
    for (const damaged of [flipped, sound.subarray(0, at)]) {
      disk.plant('/wal/endpoints.json', damaged);
      const registry = new EndpointRegistry(disk, '/wal');
      const ids = await Promise.all(keys.map((key) => registry.idOf(key)));
      assert.equal(
        new Set(ids).size,
        keys.length,
        `I4: shared numbers, hurt at ${at}: ${ids.join()}`,
      );
    }
  }
});
