/**
 * A source of figures that tests can turn, a reader of Prometheus' text format that is no part
 * of what is tested, and a log that keeps what it was told.
 */
import assert from 'node:assert/strict';
import { type Log, silentLog } from '../../src/base/log.ts';
import { WalCounters } from '../../src/base/wal-counters.ts';
import type { EndpointFigures, MetricsSource, WalUsage } from '../../src/metrics/source.ts';
import type { StageFamily } from '../../src/metrics/stage-series.ts';

/** Counters and a state that a test changes at will. */
export interface TestSource extends MetricsSource {
  readonly counters: WalCounters;
  now: WalUsage;
  ships: EndpointFigures[];
  families: StageFamily[];
  asked: number;
}

/** A source with an empty log. */
export function createSource(reasons: readonly string[] = ['disk', 'full']): TestSource {
  const source: TestSource = {
    counters: new WalCounters(reasons),
    now: {
      rawBytes: 0,
      sealedBytes: 0,
      rawSegments: 0,
      sealedSegments: 0,
      containers: 0,
      limitBytes: Number.POSITIVE_INFINITY,
      freeBytes: undefined,
      recoverySeconds: undefined,
      pausedFifos: 0,
      rejectedBytes: 0,
      logReaders: 0,
    },
    ships: [],
    families: [],
    asked: 0,
    requestSecondsBounds: [0.1, 1],
    endpoints: () => source.ships,
    stages: () => source.families,
    usage: () => {
      source.asked += 1;
      return source.now;
    },
  };
  return source;
}

/** An endpoint of which nothing is known yet, but for what a test says. */
export function figuresOf(
  endpoint: string,
  figures: Partial<EndpointFigures> = {},
): EndpointFigures {
  return {
    endpoint,
    ...{ deliveredEntries: 0, deliveredBytes: 0, sentBytes: 0 },
    rejectedEntries: { too_old: 0, other: 0 },
    rejectedBytes: { too_old: 0, other: 0 },
    retries: { outage: 0, limit: 0, settings: 0 },
    retriedEntries: { outage: 0, limit: 0, settings: 0 },
    retriedBytes: { outage: 0, limit: 0, settings: 0 },
    droppedLines: { blank: 0 },
    failedLines: { json: 0 },
    requestSeconds: { buckets: [0, 0], sum: 0, count: 0 },
    ...{ backlogBytes: 0, backlogEntries: 0, backlogSeconds: 0 },
    ...{ inFlight: 0, breaker: 'closed', streams: 0 },
    ...figures,
  };
}

/** Every sample of a page, as `name{labels}` with its value; fails on a line that is none. */
export function samplesOf(page: string): Map<string, number> {
  assert.ok(page.endsWith('\n'), 'the last line has no end');
  const samples = new Map<string, number>();
  const typed = new Set<string>();
  for (const line of page.split('\n')) {
    if (line === '' || line.startsWith('# HELP ')) continue;
    const type = /^# TYPE (\w+) (counter|gauge|histogram)$/.exec(line)?.[1];
    if (type !== undefined) {
      assert.ok(!typed.has(type), `${type} is there twice`);
      typed.add(type);
      continue;
    }
    const match = /^(\w+)((?:\{[^}]*\})?) (\S+)$/.exec(line);
    assert.ok(match, `no sample: ${line}`);
    const [, name = '', labels = '', text = ''] = match;
    assert.ok(typed.has(name) || typed.has(name.replace(/_(?:bucket|sum|count)$/, '')), line);
    assert.ok(!samples.has(name + labels), `twice: ${line}`);
    const value = text === '+Inf' ? Number.POSITIVE_INFINITY : Number(text);
    assert.ok(!Number.isNaN(value), line);
    samples.set(name + labels, value);
  }
  return samples;
}

/** A log that keeps level and message of each line. */
export function keepingLog(): { log: Log; lines: string[] } {
  const lines: string[] = [];
  const keep =
    (level: string) =>
    (_fields: unknown, message?: string): void => {
      lines.push(`${level}: ${message}`);
    };
  const log = Object.create(silentLog) as Log;
  Object.assign(log, { info: keep('info'), warn: keep('warn'), error: keep('error') });
  return { log, lines };
}
