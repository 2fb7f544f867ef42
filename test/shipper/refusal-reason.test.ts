/** Loki's words for a refusal, as they are and as the double says them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { silentLog } from '../../src/base/log.ts';
import type { PushEntry } from '../../src/encode/push-reader.ts';
import { readPush } from '../../src/encode/push-reader.ts';
import type { RejectReason } from '../../src/rejected/entry.ts';
import { isolate } from '../../src/shipper/isolate.ts';
import { isOfLabels, refusalReason, suspectsOf } from '../../src/shipper/refusal-reason.ts';
import { createSink } from '../../src/sink/create.ts';
import { encodePush } from '../helpers/loki-double/schema.ts';
import { entry, nowSeconds, week, withDouble } from '../helpers/loki-double/testing.ts';

const at = (seconds: number, bytes = 1): PushEntry => ({
  ...{ start: 0, end: 0, nanos: 0, lineStart: 0 },
  seconds,
  lineEnd: bytes,
});

describe('refusalReason', () => {
  it('knows each text of Loki', () => {
    const stream = `{a="1"}`;
    const texts: [string, RejectReason][] = [
      [
        `entry for stream '${stream}' has timestamp too old: 2020-01-01T00:00:00Z, oldest`,
        'too_old',
      ],
      [`entry for stream '${stream}' has timestamp too new: 2030-01-01T00:00:00Z`, 'too_new'],
      ['entry too far behind, entry timestamp is: 2020-01-01T00:00:00Z', 'too_far_behind'],
      [`Max entry size '262144' bytes exceeded for stream '${stream}'`, 'line_too_long'],
      [`entry for stream '${stream}' has 16 label names; limit 15`, 'label_limit'],
      [`stream '${stream}' has label name too long: 'x'`, 'label_limit'],
      [`stream '${stream}' has label value too long: 'x'`, 'label_limit'],
      [`couldn't parse labels: 1:2: parse error`, 'invalid_labels'],
      [`error parsing labels {a=1}: 1:4`, 'invalid_labels'],
      ['snappy: corrupt input', 'other'],
      ['', 'other'],
    ];
    for (const [text, reason] of texts) {
      assert.equal(refusalReason(`loki answered 400: a hint: ${text}`), reason, text);
    }
    assert.deepEqual(
      texts.filter(([, reason]) => isOfLabels(reason)).length,
      5,
      'reasons that are about a whole stream',
    );
  });
});

describe('suspectsOf', () => {
  const old =
    'timestamp too old: 2020-01-01T00:00:00Z, oldest acceptable timestamp is: 2023-11-14T22:13:20Z';

  it('reads limits of age, of length and of the future', () => {
    const isOld = suspectsOf(`x has ${old}`, false);
    assert.deepEqual(
      [1_699_999_999, 1_700_000_000, 1_700_000_001].map((seconds) => isOld?.(at(seconds))),
      [true, true, false],
    );
    const isNew = suspectsOf('has timestamp too new: 2023-11-14T22:13:20Z; and more', false);
    assert.deepEqual([isNew?.(at(1_699_999_999)), isNew?.(at(1_700_000_000))], [false, true]);
    const isLong = suspectsOf(`Max entry size '10' bytes exceeded`, false);
    assert.deepEqual([isLong?.(at(0, 10)), isLong?.(at(0, 11))], [false, true]);
    const isAny = suspectsOf(`${old}; Max entry size '10' bytes exceeded`, false);
    assert.deepEqual(
      [isAny?.(at(2e9, 11)), isAny?.(at(1, 1)), isAny?.(at(2e9, 1))],
      [true, true, false],
    );
  });

  it('believes what is said of the newest entry of a stream for that stream only', () => {
    const text =
      'entry too far behind, entry timestamp is: 2020-01-01T00:00:00Z, oldest acceptable timestamp is: 2023-11-14T22:13:20Z';
    assert.equal(suspectsOf(text, false), undefined);
    assert.equal(suspectsOf(text, true)?.(at(1_600_000_000)), true);
  });

  it('knows nothing where the text is another, is cut or is no time, and is quick with any text', () => {
    const texts = [
      '',
      'no',
      `has timestamp too new: soon`,
      `timestamp too old: 2020-01-01T00:00:00Z, oldest acceptable timestamp is: 99-99-99T`,
      `Max entry size '' bytes exceeded`,
      old.slice(0, 80),
    ];
    for (const text of texts) assert.equal(suspectsOf(text, true), undefined, text);
    const startedAtMs = performance.now();
    for (const part of ['too far behind', 'timestamp too old: ', `Max entry size '1`]) {
      assert.equal(suspectsOf(part.repeat(50_000), true), undefined);
    }
    assert.ok(performance.now() - startedAtMs < 5000);
  });
});

describe('a search against the double of Loki', () => {
  it('finds what is refused for each reason, and all else is stored once', async () => {
    await withDouble(async (double) => {
      const good = (name: string): ReturnType<typeof entry>[] =>
        Array.from({ length: 50 }, (_, index) => entry(`${name} ${index}`, index - 50));
      const long = 'x'.repeat(300_000);
      const labels16 = Array.from({ length: 16 }, (_, index) => `l${index + 10}="1"`).join(', ');
      const request = encodePush([
        { labels: '{s="a"}', entries: [entry('old', -week - 60), ...good('a')] },
        { labels: '{s="b"}', entries: [...good('b'), entry('new', 3600)] },
        { labels: '{s="c"}', entries: [...good('c'), entry(long)] },
        { labels: '{s="d"}', entries: [entry('d first', 0), entry('behind', -2 * 3600)] },
        { labels: '{s=1}', entries: good('e') },
        { labels: `{${labels16}}`, entries: good('f') },
        { labels: '{s="g"}', entries: good('g') },
      ]);
      const sink = createSink(
        {
          url: `${double.url}/loki/api/v1/push`,
          ...{ timeoutMs: 5000, encoding: 'protobuf', headers: {}, tls: { skipVerify: false } },
        },
        silentLog,
      );
      try {
        const push = async (piece: Buffer) => sink.send(sink.encode(piece));
        const first = await push(request);
        assert.equal(first.kind, 'rejected');
        if (first.kind !== 'rejected') return;
        let requests = 0;
        const found = await isolate({
          request,
          first,
          send: async (piece) => {
            requests += 1;
            return push(piece);
          },
        });
        const counts = new Map<string, number>();
        for (const { reason } of found?.refused ?? []) {
          counts.set(reason, (counts.get(reason) ?? 0) + 1);
        }
        assert.deepEqual(Object.fromEntries(counts), {
          too_old: 1,
          too_new: 1,
          line_too_long: 1,
          too_far_behind: 1,
          invalid_labels: 50,
          label_limit: 50,
        });
        assert.equal(found?.deliveredEntries, 201);
        assert.equal(double.entries, 201);
        assert.ok(requests <= 40, `${requests} requests`);
        assert.equal(readPush(request)?.length, 7);
        assert.ok(nowSeconds > 0);
      } finally {
        await sink.close();
      }
    });
  });
});
