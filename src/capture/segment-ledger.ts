/**
 * What one container's log has on disk, kept in memory so that nobody has to ask the disk each
 * second: its closed segments, oldest first. The one that is being written is not in it.
 */
import type { SegmentView } from '../retention/index.ts';
import type { SegmentFact } from '../wal/index.ts';

/** See the module comment. */
export class SegmentLedger {
  #facts: SegmentView[] = [];
  #bytes = 0;
  #sealedBytes = 0;
  #sealedSegments = 0;
  #isLoaded = false;

  /** Closed segments, ascending by sequence. */
  get facts(): readonly SegmentView[] {
    return this.#facts;
  }

  /** Bytes of all their files. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Of those, bytes and number of the sealed ones. */
  get sealedBytes(): number {
    return this.#sealedBytes;
  }

  get sealedSegments(): number {
    return this.#sealedSegments;
  }

  /** Whether what former processes left is in it. */
  get isLoaded(): boolean {
    return this.#isLoaded;
  }

  /** Takes in what is on disk; what was closed meanwhile stays. */
  load(onDisk: readonly SegmentFact[]): void {
    const known = new Set(this.#facts.map(({ sequence }) => sequence));
    for (const fact of onDisk) {
      if (!known.has(fact.sequence)) this.#facts.push({ ...fact, isComplete: true });
    }
    this.#facts.sort((a, b) => a.sequence - b.sequence);
    this.#isLoaded = true;
    this.#recount();
  }

  /** A segment was closed for writing. */
  closed(fact: SegmentFact): void {
    this.#facts.push({ ...fact, isComplete: true });
    this.#bytes += fact.storedBytes;
  }

  /** A segment was replaced by a sealed one, or by the word that it is gone. */
  replaced(sequence: number, kind: 'sealed' | 'gap', storedBytes: number): void {
    const at = this.#facts.findIndex((fact) => fact.sequence === sequence);
    const fact = this.#facts[at];
    if (fact === undefined) return;
    this.#facts[at] = { ...fact, kind, storedBytes };
    this.#recount();
  }

  /** A segment is not there any more. */
  removed(sequence: number): void {
    this.#facts = this.#facts.filter((fact) => fact.sequence !== sequence);
    this.#recount();
  }

  #recount(): void {
    this.#bytes = 0;
    this.#sealedBytes = 0;
    this.#sealedSegments = 0;
    for (const { kind, storedBytes } of this.#facts) {
      this.#bytes += storedBytes;
      if (kind === 'raw') continue;
      this.#sealedBytes += storedBytes;
      this.#sealedSegments += 1;
    }
  }
}
