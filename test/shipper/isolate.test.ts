/**
 * The search for what an endpoint refuses, against a scripted Loki: it refuses given entries for
 * given reasons, stores the good ones of a 400 and nothing of a 413, and counts requests.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import type { RejectReason } from '../../src/rejected/entry.ts';
import { type Isolated, isolate } from '../../src/shipper/isolate.ts';
import type { Rejected, SendResult, TooLarge } from '../../src/sink/sink.ts';
import {
  type DecodedEntry,
  type DecodedStream,
  decodePush,
  encodePush,
} from '../helpers/logproto.ts';

/** What is wrong with an entry, in Loki's words; undefined: nothing. */
type Judge = (stream: string, entry: DecodedEntry) => string | undefined;

const base = 1_700_000_000;
const iso = (seconds: number): string => new Date(seconds * 1000).toISOString().replace('.000', '');

/** A stream of entries with lines `<name> <n>`, one a second. */
function streamOf(name: string, count: number, from = 0): DecodedStream {
  const entries = Array.from({ length: count }, (_, index) => ({
    seconds: base + from + index,
    nanos: index % 1000,
    line: Buffer.from(`${name} ${from + index}`),
  }));
  return { labels: `{s="${name}"}`, entries };
}

class ScriptedLoki {
  readonly judge: Judge;
  /** Larger requests are 413. */
  bytesMax = Number.POSITIVE_INFINITY;
  /** The request of this number, and those behind it, get no verdict. */
  endsAt = Number.POSITIVE_INFINITY;
  requests = 0;
  /** Bytes of each request. */
  readonly sizes: number[] = [];
  /** Lines of each stream in the order in which they came first. */
  readonly stored = new Map<string, Set<string>>();

  constructor(judge: Judge) {
    this.judge = judge;
  }

  async isolate(streams: readonly DecodedStream[]): Promise<Isolated | undefined> {
    const request = encodePush(streams);
    const first = this.#answer(request);
    assert.ok(first.kind === 'rejected' || first.kind === 'too-large', first.kind);
    const found = await isolate({
      request,
      first,
      send: async (piece) => {
        assert.ok(piece.length < request.length, 'the whole is never sent again');
        this.requests += 1;
        this.sizes.push(piece.length);
        await Promise.resolve();
        return this.requests >= this.endsAt ? undefined : this.#answer(piece);
      },
    });
    if (found !== undefined) assertWhole(streams, found, this.stored);
    return found;
  }

  #answer(request: Buffer): SendResult {
    if (request.length > this.bytesMax) {
      return { kind: 'too-large', status: 413, reason: 'loki answered 413: too large' };
    }
    const wrong: string[] = [];
    for (const { labels, entries } of decodePush(request)) {
      const known = this.stored.get(labels) ?? new Set();
      this.stored.set(labels, known);
      for (const entry of entries) {
        const why = this.judge(labels, entry);
        const text = entry.line.toString('latin1');
        if (why !== undefined) wrong.push(why);
        else known.add(text);
      }
    }
    const [why] = wrong;
    if (why === undefined) return { kind: 'delivered' };
    return { kind: 'rejected', status: 400, reason: `loki answered 400: ${why}` };
  }
}

/** Every entry is refused or stored, and what is stored came in order. */
function assertWhole(
  streams: readonly DecodedStream[],
  { refused, deliveredEntries }: Isolated,
  stored: ReadonlyMap<string, ReadonlySet<string>>,
): void {
  const total = streams.reduce((sum, { entries }) => sum + entries.length, 0);
  assert.equal(refused.length + deliveredEntries, total);
  const gone = new Set(refused.map(({ labels, line }) => `${labels} ${line.toString('latin1')}`));
  assert.equal(gone.size, refused.length, 'no entry is refused twice');
  for (const { labels, entries } of streams) {
    const lines = entries.map(({ line }) => line.toString('latin1'));
    const has = stored.get(labels) ?? new Set();
    for (const line of lines) {
      assert.ok(has.has(line) || gone.has(`${labels} ${line}`), `${line} is lost`);
    }
    assert.deepEqual(
      [...has],
      lines.filter((line) => has.has(line)),
      'order',
    );
  }
}

const textsOf = (found: Isolated | undefined): string[] =>
  (found?.refused ?? []).map(({ line }) => line.toString('latin1')).sort();
const reasonsOf = (found: Isolated | undefined): RejectReason[] => [
  ...new Set((found?.refused ?? []).map(({ reason }) => reason)),
];
const unknownText = 'the widget is sad';
const refusing =
  (bad: ReadonlySet<string>, text = unknownText): Judge =>
  (_, { line }) =>
    bad.has(line.toString('latin1')) ? text : undefined;

describe('isolate', () => {
  it('tells exactly what is refused of few entries, whichever they are', async () => {
    const shape = fc.array(fc.tuple(fc.nat({ max: 12 }), fc.nat()), { minLength: 1, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(shape, async (streams) => {
        const all = streams.map(([count], index) => streamOf(`s${index}`, count + 1));
        const lines = all.flatMap(({ entries }) => entries.map(({ line }) => line.toString()));
        // The numbers choose which; one is refused at least.
        const bad = new Set(
          lines.filter((_, at) => ((streams[at % 3]?.[1] ?? 7) >> (at % 13)) & 1),
        );
        bad.add(lines[0] ?? '');
        const loki = new ScriptedLoki(refusing(bad));
        assert.deepEqual(textsOf(await loki.isolate(all)), [...bad].sort());
      }),
      { numRuns: 200 },
    );
  });

  it('tells exactly what is refused when a few among many are, in some dozens of requests', async () => {
    const place = fc.nat({ max: 4999 });
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(place, { minLength: 1, maxLength: 3 }), async (places) => {
        const bad = new Set(places.map((at) => `a ${at}`));
        const loki = new ScriptedLoki(refusing(bad));
        assert.deepEqual(textsOf(await loki.isolate([streamOf('a', 5000)])), [...bad].sort());
        assert.ok(loki.requests <= 50 * places.length, `${loki.requests} requests`);
      }),
      { numRuns: 15 },
    );
  });

  it('sends nothing when there is one entry', async () => {
    const loki = new ScriptedLoki(() => 'entry for stream x has timestamp too old: y');
    const found = await loki.isolate([streamOf('a', 1)]);
    assert.equal(loki.requests, 0);
    const [one] = found?.refused ?? [];
    assert.deepEqual(
      [one?.labels, one?.timestampNs, one?.line.toString(), one?.reason, one?.status],
      ['{s="a"}', `${base}000000000`, 'a 0', 'too_old', 400],
    );
    assert.match(one?.detail ?? '', /^loki answered 400: .*too old/);
  });

  it('says of each entry what the answer to it alone says', async () => {
    const loki = new ScriptedLoki((_, { line }) => {
      if (line.toString() === 'a 1') return `Max entry size '3' bytes exceeded`;
      return line.toString() === 'a 3' ? `couldn't be bothered` : undefined;
    });
    const found = await loki.isolate([streamOf('a', 5)]);
    const told = (found?.refused ?? []).map(({ line, reason, detail }) => [
      line.toString(),
      reason,
      detail,
    ]);
    assert.deepEqual(told, [
      ['a 1', 'line_too_long', `loki answered 400: Max entry size '3' bytes exceeded`],
      ['a 3', 'other', `loki answered 400: couldn't be bothered`],
    ]);
  });

  it('refuses a stream whose labels are wrong as a whole, in one request for it', async () => {
    const all = ['a', 'b', 'c', 'd'].map((name) => streamOf(name, 500));
    const loki = new ScriptedLoki((labels) =>
      labels === '{s="c"}' ? `couldn't parse labels: oh` : undefined,
    );
    const found = await loki.isolate(all);
    assert.deepEqual([reasonsOf(found), found?.refused.length], [['invalid_labels'], 500]);
    assert.ok(loki.requests <= 4, `${loki.requests} requests`);
  });

  it('finds one refused stream among a thousand in few requests, named or not', async () => {
    const all = Array.from({ length: 1000 }, (_, index) => streamOf(`n${index}`, 3));
    for (const name of ['n500', 'a stream']) {
      const loki = new ScriptedLoki((labels) =>
        labels === '{s="n500"}' ? `stream '{s="${name}"}' has label name too long: 'x'` : undefined,
      );
      const found = await loki.isolate(all);
      assert.deepEqual(textsOf(found), ['n500 0', 'n500 1', 'n500 2']);
      const bound = name === 'n500' ? 2 : 30;
      assert.ok(loki.requests <= bound, `${loki.requests} requests, ${name}`);
    }
  });

  it('takes Loki at its word about age: a thousand streams with an old beginning cost little', async () => {
    const all = Array.from({ length: 1000 }, (_, index) => streamOf(`n${index}`, 20));
    const limit = base + 7;
    const loki = new ScriptedLoki((labels, { seconds }) =>
      seconds <= limit
        ? `entry for stream '${labels}' has timestamp too old: ${iso(seconds)}, oldest acceptable timestamp is: ${iso(limit)}`
        : undefined,
    );
    const found = await loki.isolate(all);
    assert.equal(found?.refused.length, 8000);
    assert.deepEqual(reasonsOf(found), ['too_old']);
    assert.ok(loki.requests <= 4, `${loki.requests} requests`);
  });

  it('is exact where the limit that Loki names is off by less than a second', async () => {
    const stream: DecodedStream = {
      labels: '{s="a"}',
      entries: Array.from({ length: 400 }, (_, index) => ({
        seconds: base + Math.floor(index / 100),
        nanos: (index % 100) * 10_000_000,
        line: Buffer.from(`a ${index}`),
      })),
    };
    // The true limit is 150; what is said is its second.
    const loki = new ScriptedLoki((_, { seconds, nanos }) =>
      (seconds - base) * 100 + nanos / 10_000_000 < 150
        ? `entry for stream '{s="a"}' has timestamp too old: ${iso(seconds)}, oldest acceptable timestamp is: ${iso(base + 1)}`
        : undefined,
    );
    const found = await loki.isolate([stream]);
    assert.equal(found?.refused.length, 150);
    assert.ok(loki.requests <= 40, `${loki.requests} requests`);
  });

  it('takes Loki at its word about length, about what is too new, and about its window', async () => {
    const cases: [Judge, RejectReason][] = [
      [
        (_, { line }) =>
          line.length > 5
            ? `Max entry size '5' bytes exceeded for stream 'x' while adding an entry with length '${line.length}' bytes`
            : undefined,
        'line_too_long',
      ],
      [
        (labels, { seconds }) =>
          seconds > base + 700
            ? `entry for stream '${labels}' has timestamp too new: ${iso(seconds)}`
            : undefined,
        'too_new',
      ],
      [
        (labels, { seconds }) =>
          seconds < base + 300
            ? `entry too far behind, entry timestamp is: ${iso(seconds)}, oldest acceptable timestamp is: ${iso(base + 300)} for stream: ${labels}`
            : undefined,
        'too_far_behind',
      ],
    ];
    for (const [judge, reason] of cases) {
      const loki = new ScriptedLoki(judge);
      const stream = streamOf('a', 2000);
      const bad = stream.entries.filter((entry) => judge(stream.labels, entry) !== undefined);
      const found = await loki.isolate([stream]);
      assert.deepEqual([found?.refused.length, reasonsOf(found)], [bad.length, [reason]], reason);
      assert.ok(loki.requests <= 40, `${loki.requests} requests, ${reason}`);
    }
  });

  it('loses nothing to a text that lies: what is taken counts as delivered, the rest is exact', async () => {
    const lie = `entry has timestamp too old: ${iso(base)}, oldest acceptable timestamp is: ${iso(base + 15)}`;
    const bad = new Set(['a 3', 'a 20', 'a 29']);
    const loki = new ScriptedLoki(refusing(bad, lie));
    assert.deepEqual(textsOf(await loki.isolate([streamOf('a', 30)])), [...bad].sort());
  });

  it('does not ask more than 200 times, whatever is refused, and refuses what it cannot tell', async () => {
    const streams = Array.from({ length: 500 }, (_, index) => streamOf(`n${index}`, 20));
    const judges: Judge[] = [
      () => unknownText,
      (_, { seconds }) => (seconds % 2 === 0 ? unknownText : undefined),
      (labels) => (labels.includes('3') ? unknownText : undefined),
    ];
    for (const judge of judges) {
      const loki = new ScriptedLoki(judge);
      const found = await loki.isolate(streams);
      assert.ok(loki.requests <= 200, `${loki.requests} requests`);
      const bad = streams.flatMap(({ labels, entries }) =>
        entries.filter((entry) => judge(labels, entry) !== undefined),
      );
      assert.ok((found?.refused.length ?? 0) >= bad.length);
    }
  });

  it('does not let a stream of which much is refused take the others with it', async () => {
    const all = Array.from({ length: 100 }, (_, at) => streamOf(`n${at}`, at % 90 === 0 ? 600 : 5));
    const bad = new Set(['{s="n0"}', '{s="n90"}']);
    const loki = new ScriptedLoki((labels, { seconds }) =>
      bad.has(labels) && seconds % 2 === 0 ? unknownText : undefined,
    );
    const found = await loki.isolate(all);
    assert.ok(loki.requests > 100, 'there was not enough of them to tell all entries apart');
    assert.deepEqual(new Set(found?.refused.map(({ labels }) => labels)), bad);
  });

  it('knows soon that an endpoint refuses everything of a stream', async () => {
    const loki = new ScriptedLoki(() => unknownText);
    const found = await loki.isolate([streamOf('a', 10_000)]);
    assert.deepEqual([found?.refused.length, loki.requests], [10_000, 10]);
  });

  it('cuts what is too large until it passes, in order, and sets aside what alone is too large', async () => {
    const all = [streamOf('a', 300), streamOf('b', 200), streamOf('c', 1)];
    const huge = Buffer.alloc(3000, 0x78);
    all[1]?.entries.splice(50, 0, { seconds: base + 49, nanos: 999, line: huge });
    const loki = new ScriptedLoki(() => undefined);
    loki.bytesMax = 1000;
    const found = await loki.isolate(all);
    assert.deepEqual(textsOf(found), [huge.toString()]);
    assert.deepEqual(
      found?.refused.map(({ reason, status }) => [reason, status]),
      [['body_too_large', 413]],
    );
    assert.ok(loki.requests < 60, `${loki.requests} requests`);
    assert.ok(loki.sizes.filter((size) => size > 1000).length <= 6, 'it learns the size');
  });

  it('finds what is refused in what was too large', async () => {
    const bad = new Set(['a 17', 'b 190']);
    const loki = new ScriptedLoki(refusing(bad));
    loki.bytesMax = 1000;
    const found = await loki.isolate([streamOf('a', 300), streamOf('b', 200)]);
    assert.deepEqual(textsOf(found), [...bad].sort());
    assert.deepEqual(reasonsOf(found), ['other']);
  });

  it('ends against an endpoint to which everything is too large', async () => {
    const loki = new ScriptedLoki(() => undefined);
    loki.bytesMax = 0;
    const found = await loki.isolate([streamOf('a', 20_000)]);
    assert.equal(found?.refused.length, 20_000);
    assert.deepEqual(reasonsOf(found), ['body_too_large']);
  });

  it('ends at once when there is no verdict, at whatever request, and says nothing is settled', async () => {
    const bad = new Set(['a 3', 'b 33']);
    const whole = new ScriptedLoki(refusing(bad));
    await whole.isolate([streamOf('a', 40), streamOf('b', 40)]);
    assert.ok(whole.requests > 5);
    for (let at = 1; at <= whole.requests; at += 1) {
      const loki = new ScriptedLoki(refusing(bad));
      loki.endsAt = at;
      assert.equal(await loki.isolate([streamOf('a', 40), streamOf('b', 40)]), undefined);
      assert.equal(loki.requests, at);
    }
  });

  it('keeps lines that outlive the request, whose memory is used again', async () => {
    const request = encodePush([streamOf('a', 1)]);
    const first: Rejected = { kind: 'rejected', reason: 'no', status: 400 };
    const found = await isolate({ request, first, send: async () => undefined });
    request.fill(0);
    assert.deepEqual(textsOf(found), ['a 0']);
  });

  it('keeps bytes that are no request rather than drop them', async () => {
    const first: TooLarge = { kind: 'too-large', reason: 'no', status: 413 };
    const request = Buffer.from('garbage');
    const found = await isolate({ request, first, send: async () => undefined });
    assert.deepEqual(textsOf(found), ['garbage']);
    assert.match(found?.refused[0]?.detail ?? '', /^the request cannot be taken apart: no$/);
  });
});
