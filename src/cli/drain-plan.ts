/**
 * What `holdfast drain` has to deliver: for each container where its cursor stands, up to where
 * whole frames reach, and which endpoint gets it; or why it cannot be delivered. The plan is made
 * as the plugin makes it. Settings may hold passwords: they are never shown from here.
 */
import { messageOf } from '../base/errors.ts';
import { nodeFileSystem as disk } from '../base/file-system.ts';
import { nearestName } from '../config/nearest.ts';
import { containerOptions, envNameOf } from '../config/options.ts';
import { parseLogOpts } from '../config/parse.ts';
import { redactUrl } from '../config/redact.ts';
import { type DeliveryPlan, planDelivery } from '../driver/delivery-plan.ts';
import { FrameSplitter } from '../frame/frame-splitter.ts';
import {
  CommittedLsn,
  type EndpointRegistry,
  readCursors,
  recoverTail,
  summarizeStream,
} from '../wal/index.ts';
import { CliError, exitCode } from './exit-codes.ts';
import type { KnownContainer } from './known-containers.ts';
import { showText } from './text.ts';

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

/** How to deliver. */
export interface DrainSettings {
  /** The defaults of log-opts, by the names of plugin settings; secret. */
  env: Readonly<Record<string, string>>;
  /** In place of the `loki-url` of all containers; secret. */
  endpoint: string | undefined;
  /** The label `host`. */
  host: string;
}

/** What the user gave: `--opt name=value` and `--env NAME=value`, as they came. */
export interface GivenOptions {
  opt: readonly string[];
  env: readonly string[];
  endpoint?: string | undefined;
  host: string;
}

/**
 * Puts together the plugin's own settings, `--env` over them and `--opt` over those. Throws a
 * CliError for a name that is none and `invalid_option` for a wrong value.
 */
export function readSettings(
  given: GivenOptions,
  pluginEnv: Readonly<Record<string, string>>,
): DrainSettings {
  const optionNames: string[] = Object.values(containerOptions).map(({ name }) => name);
  const envNames: string[] = Object.values(containerOptions).map(({ env }) => env);
  const env: Record<string, string> = {};
  for (const name of envNames) {
    const value = pluginEnv[name];
    if (value !== undefined) env[name] = value;
  }
  for (const text of given.env) {
    const [name, value] = pairOf('--env', text, envNames);
    env[name] = value ?? process.env[name] ?? '';
  }
  for (const text of given.opt) {
    const [name, value] = pairOf('--opt', text, optionNames);
    if (value === undefined) {
      throw new CliError(exitCode.error, `--opt ${name}: it needs a value, --opt ${name}=VALUE`);
    }
    env[envNameOf(name)] = value;
  }
  const { endpoint, host } = given;
  // Now, and not container by container.
  parseLogOpts(endpoint === undefined ? {} : { [containerOptions.url.name]: endpoint }, env);
  return { env, endpoint, host };
}

function pairOf(option: string, text: string, known: readonly string[]): [string, string?] {
  const at = text.indexOf('=');
  const name = at < 0 ? text : text.slice(0, at);
  if (!known.includes(name)) {
    const lower = nearestName(
      name,
      known.map((one) => one.toLowerCase()),
    );
    const nearest = known.find((one) => one.toLowerCase() === lower);
    const hint = nearest === undefined ? '' : `; did you mean ${nearest}?`;
    // It may be a URL whose option was forgotten.
    const shown = showText(redactUrl(name).slice(0, 60));
    const what = `${option} ${shown}: there is no such option`;
    throw new CliError(exitCode.error, `${what}${hint}`);
  }
  return at < 0 ? [name] : [name, text.slice(at + 1)];
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
  const { endpoint, env, host } = settings;
  const logOpts =
    endpoint === undefined
      ? record.logOpts
      : { ...record.logOpts, [containerOptions.url.name]: endpoint };
  const stream = { directory, committed: committed.buffer, record: { ...record, logOpts } };
  let plan: DeliveryPlan | undefined;
  try {
    plan = await planDelivery(stream, env, host, registry);
  } catch (error) {
    return { container, reason: messageOf(error), ...amount };
  }
  if (plan === undefined) return { container, reason: noEndpoint, ...amount };
  const start = positionOf(container, plan.endpointId) ?? { lsn: firstLsn, ordinal: firstOrdinal };
  return { container, plan, start, target };
}

const noEndpoint = 'no endpoint is set: give one with --opt loki-url=URL';

/** Whether a plan is one. */
export function isDeliverable(plan: Delivery | Undeliverable): plan is Delivery {
  return 'plan' in plan;
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
