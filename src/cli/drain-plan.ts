/**
 * What `holdfast drain` has to deliver: for each container where its cursor stands, up to where
 * whole frames reach, and which endpoint gets it; or why it cannot be delivered. The plan is made
 * as the plugin makes it. Settings may hold passwords: they are never shown from here.
 */
import { messageOf } from '../base/errors.ts';
import { nodeFileSystem as disk } from '../base/file-system.ts';
import { type DeliveryPlan, planDelivery } from '../driver/delivery-plan.ts';
import { FrameSplitter } from '../frame/frame-splitter.ts';
import {
  CommittedLsn,
  type EndpointRegistry,
  readCursors,
  recoverTail,
  summarizeStream,
} from '../wal/index.ts';
import { type DeliverySettings, optsFor } from './given-settings.ts';
import type { KnownContainer } from './known-containers.ts';

/** A place in a stream, and how many frames end before it. */
export interface Position {
  lsn: number;
  ordinal: number;
}

/** One container that can be delivered. */
export interface Delivery {
  container: KnownContainer;
  plan: DeliveryPlan;
  start: Position;
  /** Behind the last whole frame; what follows is the beginning of one. */
  target: Position;
}

/** One container that cannot. */
export interface Undeliverable {
  container: KnownContainer;
  reason: string;
  bytes: number;
  entries: number;
}

/** How to deliver, and the label `host`. */
export interface DrainSettings extends DeliverySettings {
  host: string;
}

/** The plan for one container; undefined when the log holds nothing of it. */
export async function planContainer(
  root: string,
  container: KnownContainer,
  settings: DrainSettings,
  registry: EndpointRegistry,
): Promise<Delivery | Undeliverable | undefined> {
  const { id, directory, record, problem } = container;
  const summary = summarizeStream(disk, root, id);
  const { firstLsn, firstOrdinal } = summary;
  if (summary.segments === 0) return undefined;
  const all = summary.behind(firstLsn, firstOrdinal);
  const amount = { bytes: all.bytes, entries: all.frames };
  if (record === undefined) return { container, reason: problem ?? 'no record', ...amount };
  const { endLsn, target } = endOf(directory, id);
  const committed = new CommittedLsn();
  committed.publish(endLsn);
  const { env, host } = settings;
  const logOpts = optsFor(record.logOpts, settings);
  const stream = { directory, committed: committed.buffer, record: { ...record, logOpts } };
  let plan: DeliveryPlan | undefined;
  try {
    plan = await planDelivery(stream, env, host, registry);
  } catch (error) {
    return { container, reason: messageOf(error), ...amount };
  }
  if (plan === undefined) return { container, reason: noEndpoint, ...amount };
  const first = { lsn: firstLsn, ordinal: firstOrdinal };
  // Who names an endpoint no more does not want it served now.
  return {
    container,
    plan: { ...plan, pinnedIds: [] },
    start: slowestOf(container, plan, first, target),
    target,
  };
}

const noEndpoint = 'no endpoint is set: give one with --opt loki-url=URL';

/** Whether a plan is one. */
export function isDeliverable(plan: Delivery | Undeliverable): plan is Delivery {
  return 'plan' in plan;
}

/** Where the endpoint stands that has got least; one without a cursor begins as `startAt` says. */
function slowestOf(
  container: KnownContainer,
  { endpoints }: DeliveryPlan,
  first: Position,
  target: Position,
): Position {
  const positions = endpoints.map(({ endpointId, endpoint }) => {
    const begins = endpoint.startAt === 'oldest' ? first : target;
    return positionOf(container, endpointId) ?? begins;
  });
  return positions.reduce((slowest, one) => (one.lsn < slowest.lsn ? one : slowest));
}

/** Where the cursor of an endpoint stands. */
export function positionOf(
  { id, directory }: KnownContainer,
  endpointId: number,
): Position | undefined {
  const cursor = readCursors(disk, directory, id).find((one) => one.endpointId === endpointId);
  return cursor && { lsn: cursor.ackLsn, ordinal: cursor.ackOrdinal };
}

/** The end of the stream, and the end of the last whole frame in it. */
function endOf(directory: string, id: string): { endLsn: number; target: Position } {
  const { endLsn, endOrdinal, openLsn, openBytes } = recoverTail(disk, directory, id);
  const splitter = new FrameSplitter({ onFrame: () => true, onSkipped: () => {} });
  splitter.begin(openLsn);
  splitter.feed(openBytes, 0, openBytes.length);
  const lsn = openBytes.length === 0 ? endLsn : splitter.edgeLsn;
  return { endLsn, target: { lsn, ordinal: endOrdinal } };
}
