/** `holdfast wal ls`: what the WAL holds, container by container. Reads only. */
import { nodeFileSystem as disk } from '../base/file-system.ts';
import { type StreamSummary, summarizeStream } from '../wal/index.ts';
import { KnownEndpoints, type ShownEndpoint } from './endpoints.ts';
import type { ExitCode } from './exit-codes.ts';
import { exitCode } from './exit-codes.ts';
import {
  type KnownContainer,
  listKnownContainers,
  nameOf,
  shortId,
  stateOf,
} from './known-containers.ts';
import type { Output } from './output.ts';
import { alignColumns, showBytes, showCount } from './text.ts';
import { showTimeNs } from './times.ts';
import type { WalLocation } from './wal-location.ts';

interface Backlog {
  endpoint: ShownEndpoint;
  bytes: number;
  entries: number;
}

const head = ['CONTAINER', 'NAME', 'STATE', 'RAW', 'STORED', 'SEGMENTS', 'OLDEST', 'BACKLOG'];

/** Lists the containers. */
export async function listWal(
  location: WalLocation,
  output: Output,
  options: { json: boolean },
): Promise<ExitCode> {
  const { root, env } = location;
  const containers = listKnownContainers(root);
  const endpoints = new KnownEndpoints(root, containers, env);
  const rows: string[][] = [head];
  for (const container of containers) {
    const summary = summarizeStream(disk, root, container.id);
    const backlogs = backlogsOf(container, summary, endpoints);
    if (options.json) await output.json(asJson(container, summary, backlogs));
    else rows.push(...rowsOf(container, summary, backlogs));
  }
  if (options.json) return exitCode.ok;
  for (const line of alignColumns(rows)) await output.line(line);
  return exitCode.ok;
}

/** What each endpoint that ever acknowledged, and those of today, have not got yet. */
function backlogsOf(
  { id }: KnownContainer,
  summary: StreamSummary,
  endpoints: KnownEndpoints,
): Backlog[] {
  const backlogs: Backlog[] = summary.cursors.map(({ endpointId, ackLsn, ackOrdinal }) => {
    const { bytes, frames } = summary.behind(ackLsn, ackOrdinal);
    return { endpoint: endpoints.byNumber(endpointId), bytes, entries: frames };
  });
  const numbers = new Set(summary.cursors.map(({ endpointId }) => endpointId));
  for (const endpoint of endpoints.of(id)) {
    if (endpoint.number !== undefined && numbers.has(endpoint.number)) continue;
    const { bytes, frames } = summary.behind(summary.firstLsn, summary.firstOrdinal);
    backlogs.push({ endpoint, bytes, entries: frames });
  }
  return backlogs.sort((a, b) => (a.endpoint.number ?? 0) - (b.endpoint.number ?? 0));
}

function rowsOf(
  container: KnownContainer,
  summary: StreamSummary,
  backlogs: readonly Backlog[],
): string[][] {
  const { heldBytes, storedBytes, segments, oldestNs } = summary;
  const oldest = oldestNs === undefined ? '-' : `${showTimeNs(oldestNs).slice(0, 19)}Z`;
  const first = [shortId(container.id), nameOf(container), stateOf(container)];
  first.push(showBytes(heldBytes), showBytes(storedBytes), String(segments), oldest);
  const [one, ...others] = backlogs.map(showBacklog);
  const indent = first.map(() => '');
  return [[...first, one ?? 'no endpoint known'], ...others.map((text) => [...indent, text])];
}

function showBacklog({ endpoint, bytes, entries }: Backlog): string {
  const number = endpoint.number === undefined ? 'new' : `#${endpoint.number}`;
  const where = [
    number,
    endpoint.name,
    endpoint.url,
    endpoint.tenant && `tenant ${endpoint.tenant}`,
  ];
  const amount = bytes === 0 ? 'none' : `${showBytes(bytes)}, ${showCount(entries, 'entry')}`;
  return `${where.filter(Boolean).join(' ')}: ${amount}`;
}

function asJson(
  container: KnownContainer,
  summary: StreamSummary,
  backlogs: readonly Backlog[],
): unknown {
  const { record, problem } = container;
  return {
    id: container.id,
    name: record?.containerName ?? null,
    state: stateOf(container),
    ...(problem === undefined ? {} : { problem }),
    rawBytes: summary.heldBytes,
    storedBytes: summary.storedBytes,
    segments: summary.segments,
    firstLsn: summary.firstLsn,
    endLsn: summary.endLsn,
    oldest: summary.oldestNs === undefined ? null : showTimeNs(summary.oldestNs),
    backlogs: backlogs.map(({ endpoint, bytes, entries }) => ({
      endpoint: endpoint.number ?? null,
      ...(endpoint.name === undefined ? {} : { name: endpoint.name }),
      url: endpoint.url ?? null,
      tenant: endpoint.tenant ?? null,
      bytes,
      entries,
    })),
  };
}
