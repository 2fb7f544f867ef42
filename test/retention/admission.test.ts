import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import {
  admission,
  type ContainerView,
  planRetention,
  type RetentionLimits,
  type SegmentView,
} from '../../src/retention/index.ts';

type Policy = RetentionLimits['full'];

const roomy = {
  ...{ bytes: 100, ownBytes: 0, maxBytes: Number.POSITIVE_INFINITY },
  ...{ entries: 0, maxEntries: Number.POSITIVE_INFINITY, usedBytes: 0, limitBytes: 10_000 },
};

describe('admission', () => {
  it('refuses the newest at a limit of the container, but not where the oldest goes', () => {
    for (const full of ['drop-newest', 'block'] as const) {
      const own = { ...roomy, full, maxBytes: 1000 };
      assert.equal(admission({ ...own, ownBytes: 900 }), true);
      assert.equal(admission({ ...own, ownBytes: 901 }), false);
      const few = { ...roomy, full, maxEntries: 10 };
      assert.equal(admission({ ...few, entries: 9 }), true);
      assert.equal(admission({ ...few, entries: 10 }), false);
    }
    const full = 'drop-oldest' as const;
    assert.equal(admission({ ...roomy, full, maxBytes: 1, maxEntries: 1, entries: 9 }), true);
  });

  it('refuses at the limit of all; where the oldest goes, five percent above it', () => {
    for (const full of ['drop-newest', 'block'] as const) {
      assert.equal(admission({ ...roomy, full, usedBytes: 9900 }), true);
      assert.equal(admission({ ...roomy, full, usedBytes: 9901 }), false);
    }
    const full = 'drop-oldest' as const;
    assert.equal(admission({ ...roomy, full, usedBytes: 10_400 }), true);
    assert.equal(admission({ ...roomy, full, usedBytes: 10_401 }), false);
  });

  it('admits anything where nothing is limited, and nothing where no room is left', () => {
    for (const full of ['drop-oldest', 'drop-newest', 'block'] as const) {
      const limitBytes = Number.POSITIVE_INFINITY;
      assert.equal(admission({ ...roomy, full, limitBytes, usedBytes: 1e15 }), true);
      assert.equal(admission({ ...roomy, full, limitBytes: 0 }), false);
    }
  });
});

/** What a block, and the segment that it may begin, take beside the bytes that are asked for. */
const blockBytes = 80;
const headerBytes = 64;
const overheadBytes = blockBytes + headerBytes;

/** One container's log as capture writes it and upkeep carries the plan out. */
class Log {
  segments: SegmentView[] = [];
  lsn = 0;
  entries = 0;
  #sequence = 0;
  readonly limits: RetentionLimits;
  readonly segmentBytes: number;
  readonly limitBytes: number;

  constructor(limits: RetentionLimits, segmentBytes: number, limitBytes: number) {
    this.limits = limits;
    this.segmentBytes = segmentBytes;
    this.limitBytes = limitBytes;
  }

  get bytes(): number {
    return this.segments.reduce((sum, { storedBytes }) => sum + storedBytes, 0);
  }

  get keptEntries(): number {
    const first = this.segments.find(({ kind }) => kind !== 'gap');
    return this.entries - (first?.baseOrdinal ?? this.entries);
  }

  /** Returns whether it was admitted. */
  append(bytes: number, nowMs: number): boolean {
    const { maxBytes, maxEntries, full } = this.limits;
    const own = { bytes, full, ownBytes: this.bytes, maxBytes, entries: this.keptEntries };
    const { bytes: usedBytes, limitBytes } = this;
    if (!admission({ ...own, maxEntries, usedBytes, limitBytes })) return false;
    let open = this.segments.at(-1);
    if (open === undefined || open.isComplete || open.storedBytes >= this.segmentBytes) {
      this.#close();
      this.#sequence += 1;
      const place = { sequence: this.#sequence, baseLsn: this.lsn, baseOrdinal: this.entries };
      open = {
        ...place,
        kind: 'raw',
        storedBytes: headerBytes,
        createdMs: nowMs,
        isComplete: false,
      };
      this.segments.push(open);
    }
    const storedBytes = open.storedBytes + bytes + blockBytes;
    this.segments[this.segments.length - 1] = { ...open, storedBytes };
    this.lsn += bytes;
    this.entries += 1;
    return true;
  }

  /** One round of upkeep, where endpoints have all (or nothing) of the log. */
  upkeep(nowMs: number, isDelivered: boolean): void {
    const ackLsn = isDelivered ? this.lsn : 0;
    const view: ContainerView = {
      ...{ containerId: 'a', segments: this.segments, ackLsn, durableLsn: ackLsn },
      ...{ endLsn: this.lsn, endOrdinal: this.entries, endedAtMs: undefined },
      limits: this.limits,
    };
    const { limitBytes } = this;
    const plan = planRetention({ containers: [view], nowMs, agesCountFromMs: 0, limitBytes });
    for (const action of plan) {
      if (action.do === 'rotate') this.#close();
      if (action.do !== 'remove' && action.do !== 'evict') continue;
      const at = this.segments.findIndex(({ sequence }) => sequence === action.sequence);
      const segment = this.segments[at];
      assert.ok(segment?.isComplete === true);
      const word: SegmentView = { ...segment, kind: 'gap', storedBytes: 0 };
      this.segments.splice(at, 1, ...(action.do === 'evict' ? [word] : []));
    }
  }

  #close(): void {
    const open = this.segments.at(-1);
    if (open !== undefined) this.segments[this.segments.length - 1] = { ...open, isComplete: true };
  }
}

const anyLimits = fc.record({
  full: fc.constantFrom<Policy>('drop-oldest', 'drop-newest', 'block'),
  maxBytes: fc.constantFrom(100_000, 300_000, Number.POSITIVE_INFINITY),
  maxEntries: fc.constantFrom(40, 400, Number.POSITIVE_INFINITY),
  historyBytes: fc.constantFrom(0, 50_000, 1e9),
  segments: fc.constantFrom(2, 4, 1000),
  limitBytes: fc.constantFrom(90_000, 1e9),
});

function logOf(plan: {
  full: Policy;
  maxBytes: number;
  maxEntries: number;
  historyBytes: number;
  segments: number;
  limitBytes: number;
}): Log {
  const { full, maxBytes, maxEntries, historyBytes, segments, limitBytes } = plan;
  const ages = { maxAgeMs: 1e9, historyAgeMs: 1e9, segmentAgeMs: 1e9 };
  const limits = { full, maxBytes, maxEntries, historyBytes, ...ages };
  const largest = Math.min(maxBytes, 200_000) / 2;
  return new Log(limits, Math.min(largest, maxBytes / segments), limitBytes);
}

describe('admission and the plan together', () => {
  // Once, what was delivered was kept up to the very limit at which new output was refused.
  it('never refuse for good what a log has room for once all of it is delivered', () => {
    const lines = fc.array(fc.integer({ min: 1, max: 4000 }), { minLength: 50, maxLength: 300 });
    fc.assert(
      fc.property(anyLimits, lines, (plan, sizes) => {
        const log = logOf(plan);
        let nowMs = 0;
        for (const size of sizes) {
          nowMs += 1;
          for (let round = 0; !log.append(size, nowMs); round += 1) {
            assert.ok(round < 2, 'two rounds of upkeep make room: close, then remove');
            log.upkeep(nowMs, true);
          }
        }
      }),
    );
  });

  it('keep a log that nobody reads within its limits but for what is being written', () => {
    const lines = fc.array(fc.integer({ min: 1, max: 4000 }), { minLength: 50, maxLength: 300 });
    fc.assert(
      fc.property(anyLimits, lines, (plan, sizes) => {
        const log = logOf(plan);
        let nowMs = 0;
        for (const size of sizes) {
          nowMs += 1;
          const isIn = log.append(size, nowMs);
          const kept = log.segments.filter(({ kind }) => kind !== 'gap').length;
          assert.ok(isIn || plan.full !== 'drop-oldest' || log.bytes + size > plan.limitBytes);
          assert.ok(kept > 0, 'not all of it is given up');
          log.upkeep(nowMs, false);
          log.upkeep(nowMs, false);
          assert.ok(log.bytes <= plan.maxBytes + overheadBytes);
          assert.ok(log.keptEntries <= plan.maxEntries);
          assert.ok(log.bytes <= plan.limitBytes * 1.05 + overheadBytes);
          // Whoever wants the newest dropped loses nothing that is in.
          if (plan.full !== 'drop-oldest') {
            assert.ok(log.segments.every(({ kind }) => kind !== 'gap'));
          }
        }
      }),
    );
  });
});
