import assert from 'node:assert/strict';
import { test } from 'node:test';
import { version } from '../../src/base/version.ts';
import { createMetrics } from '../../src/metrics/registry.ts';
import { gapReasons } from '../../src/wal/meta-record.ts';
import { createSource, samplesOf } from './helpers.ts';

/** All samples but the buckets, which are many. */
const names = [
  'captured_bytes_total',
  'captured_frames_total',
  'wal_written_bytes_total',
  ...['wal_gaps_total', 'wal_gap_bytes_total', 'wal_gap_frames_total'].flatMap((name) =>
    ['disk', 'full'].map((reason) => `${name}{reason="${reason}"}`),
  ),
  ...['enospc', 'eio', 'other'].map((errno) => `wal_write_errors_total{errno="${errno}"}`),
  'wal_sealed_segments_total',
  'wal_sealed_raw_bytes_total',
  'wal_sealed_stored_bytes_total',
  'wal_seal_failures_total',
  'wal_sync_failures_total',
  'wal_quarantined_bytes_total',
  'rejected_lost_entries_total',
  ...['wal_bytes', 'wal_segments'].flatMap((name) => [
    `${name}{kind="raw"}`,
    `${name}{kind="sealed"}`,
  ]),
  'wal_containers',
  'wal_limit_bytes',
  'fifo_paused',
  'rejected_stored_bytes',
  `build_info{version="${version}"}`,
  'log_readers',
  ...['seal_seconds', 'sync_seconds'].flatMap((name) => [`${name}_sum`, `${name}_count`]),
];

test('every metric is there before anything has happened, except what is not known', async () => {
  const samples = samplesOf(await createMetrics(createSource()).render());
  const told = [...samples.keys()].filter((name) => !name.includes('_bucket{'));
  assert.deepEqual(told.sort(), names.map((name) => `holdfast_${name}`).sort());
  for (const name of told) {
    const known: Record<string, number> = { wal_limit_bytes: Number.POSITIVE_INFINITY };
    known[`build_info{version="${version}"}`] = 1;
    assert.equal(samples.get(name), known[name.replace('holdfast_', '')] ?? 0, name);
  }
});

test('every reason for a gap in the log has its series from the start', async () => {
  const page = await createMetrics(createSource(gapReasons)).render();
  const samples = samplesOf(page);
  for (const reason of gapReasons) {
    assert.equal(samples.get(`holdfast_wal_gaps_total{reason="${reason}"}`), 0);
  }
});

test('each number of the source is told under its own name, and anew at each scrape', async () => {
  const source = createSource();
  const metrics = createMetrics(source);
  const { counters } = source;
  counters.capturedBytes = 1;
  counters.capturedFrames = 2;
  counters.writtenBytes = 3;
  counters.sealedSegments = 4;
  counters.sealedRawBytes = 5;
  counters.sealedStoredBytes = 6;
  counters.sealFailures = 7;
  counters.syncFailures = 8;
  counters.quarantinedBytes = 9;
  counters.rejectedLostEntries = 20;
  counters.gap('full', 10, 11);
  counters.writeError('EIO');
  source.now = {
    rawBytes: 12,
    sealedBytes: 13,
    rawSegments: 14,
    sealedSegments: 15,
    containers: 16,
    limitBytes: 17,
    freeBytes: 18,
    recoverySeconds: 0.5,
    pausedFifos: 19,
    rejectedBytes: 21,
    logReaders: 22,
  };
  const expected: Record<string, number> = {
    captured_bytes_total: 1,
    captured_frames_total: 2,
    wal_written_bytes_total: 3,
    wal_sealed_segments_total: 4,
    wal_sealed_raw_bytes_total: 5,
    wal_sealed_stored_bytes_total: 6,
    wal_seal_failures_total: 7,
    wal_sync_failures_total: 8,
    wal_quarantined_bytes_total: 9,
    'wal_gaps_total{reason="full"}': 1,
    'wal_gaps_total{reason="disk"}': 0,
    'wal_gap_bytes_total{reason="full"}': 10,
    'wal_gap_frames_total{reason="full"}': 11,
    'wal_write_errors_total{errno="eio"}': 1,
    'wal_write_errors_total{errno="enospc"}': 0,
    'wal_bytes{kind="raw"}': 12,
    'wal_bytes{kind="sealed"}': 13,
    'wal_segments{kind="raw"}': 14,
    'wal_segments{kind="sealed"}': 15,
    wal_containers: 16,
    wal_limit_bytes: 17,
    wal_free_bytes: 18,
    recovery_seconds: 0.5,
    fifo_paused: 19,
    rejected_lost_entries_total: 20,
    rejected_stored_bytes: 21,
    log_readers: 22,
  };
  // Twice, because a counter that adds instead of being set would double.
  for (const scrape of [1, 2]) {
    const samples = samplesOf(await metrics.render());
    assert.equal(source.asked, scrape);
    for (const [name, value] of Object.entries(expected)) {
      assert.equal(samples.get(`holdfast_${name}`), value, name);
    }
  }
  counters.capturedBytes = 2 ** 45 + 1;
  source.now = { ...source.now, freeBytes: undefined };
  const samples = samplesOf(await metrics.render());
  assert.equal(samples.get('holdfast_captured_bytes_total'), 2 ** 45 + 1);
  assert.ok(!samples.has('holdfast_wal_free_bytes'));
});

test('two scrapes at once both get a whole page', async () => {
  const source = createSource();
  const metrics = createMetrics(source);
  source.counters.capturedBytes = 5;
  const pages = await Promise.all([metrics.render(), metrics.render(), metrics.render()]);
  assert.equal(new Set(pages).size, 1);
  assert.equal(samplesOf(pages[0] ?? '').get('holdfast_captured_bytes_total'), 5);
});

test('times are sorted into buckets, and one that is no number is left out', async () => {
  const metrics = createMetrics(createSource());
  for (const seconds of [0.3, 100, Number.NaN, Number.POSITIVE_INFINITY]) {
    metrics.observeSeal(seconds);
  }
  metrics.observeSync(0.002);
  metrics.observeSync(-1);
  const samples = samplesOf(await metrics.render());
  assert.equal(samples.get('holdfast_seal_seconds_count'), 2);
  assert.equal(samples.get('holdfast_seal_seconds_sum'), 100.3);
  assert.equal(samples.get('holdfast_seal_seconds_bucket{le="0.25"}'), 0);
  assert.equal(samples.get('holdfast_seal_seconds_bucket{le="0.5"}'), 1);
  assert.equal(samples.get('holdfast_seal_seconds_bucket{le="+Inf"}'), 2);
  assert.equal(samples.get('holdfast_sync_seconds_bucket{le="0.001"}'), 1);
  assert.equal(samples.get('holdfast_sync_seconds_bucket{le="0.0025"}'), 2);
});
