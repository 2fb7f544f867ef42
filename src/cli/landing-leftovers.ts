/**
 * Finds what a killed plugin had read from a FIFO and not yet written into the log: it lies in
 * `landing.N`, and only the plugin can take it in. Reads only; docs/wal-format.md has the form.
 */
import fs from 'node:fs';
import { nodeFileSystem as disk } from '../base/file-system.ts';
import { recoverTail } from '../wal/index.ts';
import type { KnownContainer } from './known-containers.ts';

const headerBytes = 4096;
const dataBytes = 65_536;
const slotMagic = 0x4c61_6e64;
const nameAt = 64;
const nameBytesMax = 1024;
const emptyByte = 0xff;

/** Bytes that are missing at the end of one container's log. */
export interface LandingLeftover {
  container: KnownContainer;
  bytes: number;
}

/** What is missing of these containers, and could still be taken in. */
export function findLandingLeftovers(
  root: string,
  containers: readonly KnownContainer[],
): LandingLeftover[] {
  const slots = new Map<string, number>();
  for (const name of fs.readdirSync(root)) {
    if (/^landing\.\d+$/.test(name)) readSlots(`${root}/${name}`, slots);
  }
  if (slots.size === 0) return [];
  const found: LandingLeftover[] = [];
  for (const container of containers) {
    const { endLsn, attach } = recoverTail(disk, container.directory, container.id);
    const bytes = attach === undefined ? undefined : slots.get(`${endLsn} ${attach.fifo}`);
    if (bytes !== undefined) found.push({ container, bytes });
  }
  return found;
}

/** Collects how much landed, by the position where it belongs and the name of its FIFO. */
function readSlots(path: string, slots: Map<string, number>): void {
  const fd = fs.openSync(path, 'r');
  try {
    const slot = Buffer.alloc(headerBytes + dataBytes);
    for (let at = 0; fs.readSync(fd, slot, 0, slot.length, at) === slot.length; at += slot.length) {
      if (slot.readUInt32LE(0) !== slotMagic) continue;
      let end = slot.length;
      while (end > headerBytes && slot[end - 1] === emptyByte) end -= 1;
      if (end === headerBytes) continue;
      const nameEnd = nameAt + Math.min(nameBytesMax, slot.readUInt16LE(16));
      const lsn = slot.readBigUInt64LE(8);
      slots.set(`${lsn} ${slot.toString('utf8', nameAt, nameEnd)}`, end - headerBytes);
    }
  } finally {
    fs.closeSync(fd);
  }
}
