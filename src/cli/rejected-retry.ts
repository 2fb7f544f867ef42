/**
 * `holdfast rejected retry`: sends refused entries again, each to the endpoint that refused it, as
 * settings name that today. What is delivered leaves the store, everything else stays. It holds
 * the lock all the time and can be stopped at any instant: then some are sent again by the next
 * run, which Loki drops as exact duplicates.
 */
import { nodeFileSystem as disk } from '../base/file-system.ts';
import { parseLogOpts } from '../config/parse.ts';
import { type EndpointSettings, endpointKey } from '../config/settings.ts';
import type { RejectedEntry } from '../rejected/entry.ts';
import { replaceLines } from '../rejected/files.ts';
import { type Resent, resend } from '../shipper/resend.ts';
import { createSink } from '../sink/create.ts';
import type { Sink } from '../sink/sink.ts';
import { createDrainLog } from './drain-log.ts';
import { showUrl } from './endpoints.ts';
import { type ExitCode, exitCode } from './exit-codes.ts';
import { type DeliverySettings, optsFor, readSettings } from './given-settings.ts';
import { listKnownContainers } from './known-containers.ts';
import type { Output } from './output.ts';
import { chooser, type RejectedChoice, type RejectedFile, readRejected } from './rejected-read.ts';
import { showCount, showText } from './text.ts';
import type { WalLocation } from './wal-location.ts';
import { withLock } from './wal-lock.ts';

/** What to send, and how. */
export interface RetryChoice extends RejectedChoice {
  opt: readonly string[];
  env: readonly string[];
  files?: string | undefined;
  dryRun: boolean;
  json: boolean;
}

/** An endpoint is given up for this run after so many failures in a row. */
const failuresMax = 5;

/** One endpoint that refused something, and what becomes of that. */
interface Target {
  readonly label: string;
  /** Undefined: nothing names it by now. */
  readonly endpoint: EndpointSettings | undefined;
  sink: Sink | undefined;
  delivered: number;
  refused: number;
  left: number;
  /** Why it is not tried any more. */
  problem: string | undefined;
  /** It has said so: what is sent to it goes without. */
  takesNoMetadata: boolean;
}

/** Sends, or says what would be sent. */
export async function retryRejected(
  location: WalLocation,
  output: Output,
  choice: RetryChoice,
): Promise<ExitCode> {
  const isChosen = chooser(choice);
  const { opt, env, files } = choice;
  const settings = readSettings({ opt, env, files }, location);
  const retry = new Retry(location.root, output, settings, isChosen);
  if (choice.dryRun) return retry.rehearse(choice.json);
  const stopping = new AbortController();
  const stop = (): void => stopping.abort();
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  try {
    return await withLock(location.root, 'holdfast rejected retry', () =>
      retry.run(stopping.signal, choice.json),
    );
  } finally {
    process.removeListener('SIGINT', stop);
    process.removeListener('SIGTERM', stop);
  }
}

class Retry {
  readonly #root: string;
  readonly #output: Output;
  readonly #isChosen: (entry: RejectedEntry) => boolean;
  readonly #named: readonly EndpointSettings[];
  /** By the keys of endpoints. */
  readonly #targets = new Map<string, Target>();

  constructor(
    root: string,
    output: Output,
    settings: DeliverySettings,
    isChosen: (entry: RejectedEntry) => boolean,
  ) {
    this.#root = root;
    this.#output = output;
    this.#isChosen = isChosen;
    this.#named = endpointsOf(root, settings);
  }

  /** Sends nothing. */
  async rehearse(isJson: boolean): Promise<ExitCode> {
    for await (const { lines } of readRejected(this.#root, this.#output)) {
      for (const { entry } of lines) {
        if (entry !== undefined && this.#isChosen(entry)) this.#targetOf(entry).left += 1;
      }
    }
    for (const target of this.#targets.values()) await this.#tell(target, isJson, true);
    return this.#code();
  }

  async run(signal: AbortSignal, isJson: boolean): Promise<ExitCode> {
    const close = (): void => {
      for (const { sink } of this.#targets.values()) void sink?.close();
    };
    signal.addEventListener('abort', close, { once: true });
    try {
      for await (const file of readRejected(this.#root, this.#output)) {
        await this.#sendFile(file, signal);
        if (signal.aborted) break;
      }
    } finally {
      for (const { sink } of this.#targets.values()) await sink?.close();
    }
    for (const target of this.#targets.values()) await this.#tell(target, isJson, false);
    return signal.aborted ? exitCode.interrupted : this.#code();
  }

  async #sendFile({ file, lines }: RejectedFile, signal: AbortSignal): Promise<void> {
    const byTarget = new Map<Target, RejectedEntry[]>();
    for (const { entry } of lines) {
      if (entry === undefined || !this.#isChosen(entry)) continue;
      const target = this.#targetOf(entry);
      const entries = byTarget.get(target);
      if (entries === undefined) byTarget.set(target, [entry]);
      else entries.push(entry);
    }
    const delivered = new Set<RejectedEntry>();
    for (const [target, entries] of byTarget) {
      for (const entry of await this.#send(target, entries, signal)) delivered.add(entry);
    }
    if (delivered.size === 0) return;
    const rest = lines.filter(({ entry }) => entry === undefined || !delivered.has(entry));
    replaceLines(disk, this.#root, file, rest);
  }

  /** Returns what was delivered. */
  async #send(
    target: Target,
    entries: readonly RejectedEntry[],
    signal: AbortSignal,
  ): Promise<readonly RejectedEntry[]> {
    const { endpoint } = target;
    if (endpoint === undefined || target.problem !== undefined || signal.aborted) {
      target.left += entries.length;
      return [];
    }
    const log = createDrainLog((text) => void this.#output.tell(text));
    target.sink ??= createSink(endpoint.sink, log);
    const { sink, takesNoMetadata } = target;
    const aimed = entries.map((entry) => aimAt(endpoint, entry));
    const result = await resend(aimed, {
      sink,
      endpoint,
      signal,
      failuresMax,
      takesNoMetadata,
    });
    if (result.takesNoMetadata && !takesNoMetadata) {
      target.takesNoMetadata = true;
      await this.#output.tell(showText(`${target.label}: ${noMetadata}`));
    }
    target.delivered += result.delivered.length;
    target.refused += result.refused.length;
    target.left += entries.length - result.delivered.length - result.refused.length;
    target.problem = result.problem;
    return result.delivered.map(({ stored }) => stored);
  }

  #targetOf({ endpointKey, endpoint: label }: RejectedEntry): Target {
    const known = this.#targets.get(endpointKey);
    if (known !== undefined) return known;
    const endpoint = this.#find(endpointKey, label);
    const problem = endpoint === undefined ? noSettings : undefined;
    const counts = { delivered: 0, refused: 0, left: 0 };
    const target = { label, endpoint, sink: undefined, problem, takesNoMetadata: false, ...counts };
    this.#targets.set(endpointKey, target);
    return target;
  }

  /** By its identity; one that has moved to another URL by its name, if only one is called so. */
  #find(key: string, label: string): EndpointSettings | undefined {
    const same = this.#named.find((endpoint) => endpoint.key === key);
    if (same !== undefined) return same;
    const [alike, another] = this.#named.filter((endpoint) => endpoint.label === label);
    return another === undefined ? alike : undefined;
  }

  async #tell(target: Target, isJson: boolean, isDry: boolean): Promise<void> {
    const { label, endpoint, delivered, refused, left, problem } = target;
    const url = endpoint === undefined ? undefined : showUrl(endpoint.sink.url);
    if (isJson) {
      const counts = isDry ? { entries: left } : { delivered, refused, left };
      const text = { endpoint: label, url: url ?? null, ...counts, problem: problem ?? null };
      await this.#output.json(text);
      return;
    }
    const why = problem === undefined ? '' : `: ${problem}`;
    const where = url === undefined || label === url ? label : `${label} (${url})`;
    const text = isDry
      ? `${showCount(left, 'entry')} ${endpoint === undefined ? 'cannot' : 'would'} be sent`
      : `${showCount(delivered, 'entry')} delivered, ${refused} refused again, ${left} not sent`;
    await this.#output.line(showText(`${where}: ${text}${why}`));
  }

  #code(): ExitCode {
    const isAll = [...this.#targets.values()].every(
      ({ refused, left, problem }) => refused === 0 && (left === 0 || problem === undefined),
    );
    return isAll ? exitCode.ok : exitCode.found;
  }
}

const noMetadata = 'the endpoint takes no structured metadata: entries go without it';
const noSettings = 'no container and no setting names this endpoint; name it with --opt';

/** An entry as it is to be sent, and the one of the store that it is. */
interface Aimed extends Resent {
  readonly stored: RejectedEntry;
}

/**
 * Whom an entry is sent for. The store names the tenant in any case. If it is the one that makes
 * the key, it was the endpoint's own, and may be just what was wrong: the one of now takes its
 * place. Any other tenant was chosen by a stage, and stays.
 */
function aimAt({ name, sink }: EndpointSettings, stored: RejectedEntry): Aimed {
  const { tenantId } = stored;
  const isOwn = endpointKey(name, sink.url, tenantId) === stored.endpointKey;
  return { ...stored, tenantId: isOwn ? undefined : tenantId, stored };
}

/** The endpoints that settings name today: those of all containers, and of none in particular. */
function endpointsOf(root: string, settings: DeliverySettings): EndpointSettings[] {
  const named = new Map<string, EndpointSettings>();
  const opts = listKnownContainers(root).map(({ record }) => record?.logOpts ?? {});
  for (const logOpts of [{}, ...opts]) {
    try {
      const { endpoints } = parseLogOpts(optsFor(logOpts, settings), settings.env).settings;
      for (const endpoint of endpoints) named.set(endpoint.key, endpoint);
    } catch {
      // Settings that are wrong by now name no endpoint.
    }
  }
  return [...named.values()];
}
