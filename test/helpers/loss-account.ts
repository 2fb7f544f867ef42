/**
 * The account of a loss, from outside: what was printed, what arrived, and what the lines that
 * speak of losses and the counters of the metrics say is missing. Built on what a reader of the
 * endpoint sees and on nothing of the driver's own code.
 */
import assert from 'node:assert/strict';
import http from 'node:http';
import type { LokiDouble } from './loki-double/loki-double.ts';

/** One line that speaks of a loss. */
export interface GapLine {
  timestampNs: bigint;
  lines: number;
  reason: string;
}

/** What one container's lines at an endpoint come to. */
export interface Account {
  printed: number;
  arrived: number;
  /** Lines that did not arrive. */
  lost: number;
  /** Lines that the lines about losses speak of. */
  told: number;
  gaps: GapLine[];
}

const gapPattern =
  /^holdfast: (?:(?:up to )?([\d,]+) lines?|(part of a line)) \([^)]+\) (?:is|are) missing here: .*\(([a-z]+)\)$/;

/** What the line about a loss says; throws where it is none, or does not know how much it is. */
function parseGapLine(timestampNs: bigint, text: string): GapLine {
  const match = gapPattern.exec(text);
  assert.ok(match, `not a line about a loss of known size: ${text}`);
  const [, count, , reason = ''] = match;
  return { timestampNs, lines: Number((count ?? '0').replaceAll(',', '')), reason };
}

/**
 * Checks that what arrived of the lines `n 1` to `n <printed>` is in order and nothing twice,
 * and that each line that did not arrive is told of: in its place, and never too few.
 */
export function assertTold(loki: LokiDouble, name: string, printed: number): Account {
  const stdout = { container_name: name, source: 'stdout' };
  const report = loki.checkNumbered(stdout, 'n ', printed, { order: 'arrival' });
  const { doubled, outOfOrder, unexpected } = report;
  const wrong = doubled.count + outOfOrder.count + unexpected.count;
  assert.equal(wrong, 0, `${name}: ${report.summary}`);
  const gaps = gapLinesOf(loki, name);
  const told = gaps.reduce((sum, { lines }) => sum + lines, 0);
  const lost = report.missing.count;
  const account = { printed, arrived: report.lines, lost, told, gaps };
  assert.ok(told >= lost, `told too little: ${describe(account, report.summary)}`);
  assertHoles(loki, name, gaps);
  return account;
}

/** As `assertTold`; and no more is told than is lost. */
export function assertExact(loki: LokiDouble, name: string, printed: number): Account {
  const account = assertTold(loki, name, printed);
  const { told, lost } = account;
  assert.equal(told, lost, describeAccount(loki, name, printed));
  return account;
}

function describe({ told, lost, gaps }: Account, summary: string): string {
  const reasons = gaps.map(({ lines, reason }) => `${lines} ${reason}`).join(', ');
  return `${told} (${reasons}) of ${lost}; ${summary}`;
}

/** What of one container arrived and what was told of, for people. */
export function describeAccount(loki: LokiDouble, name: string, printed: number): string {
  const stdout = { container_name: name, source: 'stdout' };
  const { summary } = loki.checkNumbered(stdout, 'n ', printed, { order: 'arrival' });
  const gaps = [...loki.lines({ container_name: name, source: 'stderr' })];
  return [summary, ...gaps.map(({ line }) => line.toString())].join('\n');
}

/** Whether what arrived and what was told of comes to what was printed: nothing is under way. */
export function tellsAll(loki: LokiDouble, name: string, printed: number): boolean {
  const arrived = loki.count({ container_name: name, source: 'stdout' });
  const told = gapLinesOf(loki, name).reduce((sum, { lines }) => sum + lines, 0);
  return arrived + told === printed;
}

function gapLinesOf(loki: LokiDouble, name: string): GapLine[] {
  const lines = loki.lines({ container_name: name, source: 'stderr' });
  return [...lines].map(({ timestampNs, line }) => parseGapLine(timestampNs, line.toString()));
}

/**
 * Where a hole ends, all that is missing so far is told of. A loss may be told at an earlier
 * time, where only a part of it was a loss to this endpoint; never at a later one.
 */
function assertHoles(loki: LokiDouble, name: string, gaps: readonly GapLine[]): void {
  const told = gaps.toSorted((a, b) => Number(a.timestampNs - b.timestampNs));
  let at = 0;
  let before = 0;
  let toldLines = 0;
  let missingLines = 0;
  for (const { timestampNs, line } of loki.lines({ container_name: name, source: 'stdout' })) {
    const number = Number(/^n (\d+)/.exec(line.toString('latin1', 0, 40))?.[1]);
    for (let gap = told[at]; gap !== undefined && gap.timestampNs < timestampNs; gap = told[at]) {
      toldLines += gap.lines;
      at += 1;
    }
    const hole = number - before - 1;
    missingLines += hole;
    const where = `${name}: told ${toldLines}, missing ${missingLines} up to line ${number}`;
    // What is lost at the very beginning follows no line whose time it could have.
    if (hole > 0 && before > 0) assert.ok(toldLines >= missingLines, where);
    before = number;
  }
}

/** Where a driver serves its metrics: a socket's path, or a port of this machine. */
export type MetricsPlace = { socketPath: string } | { port: number };

/** The page of metrics of a driver. */
export async function metricsPage(place: MetricsPlace): Promise<string> {
  return new Promise<string>((resolve, reject) => {
    const request = http.get({ ...place, path: '/metrics', agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        body += chunk;
      });
      response.on('end', () => resolve(body));
    });
    request.on('error', reject);
  });
}

/** The metrics of a driver: sums by name, over all labels. */
export async function readMetrics(place: MetricsPlace): Promise<Map<string, number>> {
  const text = await metricsPage(place);
  const sums = new Map<string, number>();
  for (const [, name = '', value] of text.matchAll(/^(\w+)(?:\{[^}]*\})? (\S+)$/gm)) {
    sums.set(name, (sums.get(name) ?? 0) + Number(value));
  }
  return sums;
}

/** Frames that endpoints were told are missing, and frames that the log lost, of one process. */
export async function lossCounters(place: MetricsPlace): Promise<{ told: number; lost: number }> {
  const metrics = await readMetrics(place);
  return {
    // An endpoint that was told of nothing has no figures in its first second.
    told: metrics.get('holdfast_delivery_gap_frames_total') ?? 0,
    lost: metrics.get('holdfast_wal_gap_frames_total') ?? Number.NaN,
  };
}

/**
 * The metrics of a process that lost so many lines in all: what endpoints were told is exactly
 * that. The log may have lost more: what it gave up while a batch held it arrived all the same.
 */
export async function assertCounted(place: MetricsPlace, lostLines: number): Promise<void> {
  const { told, lost } = await lossCounters(place);
  assert.equal(told, lostLines, 'what endpoints were told is missing');
  assert.ok(lost >= lostLines, `the log counts ${lost} lost lines, and ${lostLines} are lost`);
}
