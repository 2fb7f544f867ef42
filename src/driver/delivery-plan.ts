/**
 * From a container's record and the plugin's settings to what delivery is told: which
 * endpoints, under which labels. Resolved anew at each start of the plugin, so that a
 * corrected setting reaches containers that ended long ago too.
 */
import type { DeliverableStream } from '../capture/open-log.ts';
import { parseLogOpts } from '../config/parse.ts';
import type { EndpointSettings } from '../config/settings.ts';
import type { PipelineText, StreamRun } from '../pipeline/plan.ts';
import type { EndpointRegistry } from '../wal/index.ts';
import { planLines } from './line-plan.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** One endpoint of a stream. */
export interface PlannedEndpoint {
  /** The number by which cursors know it. */
  endpointId: number;
  endpoint: EndpointSettings;
  /** The labels by position in the stream; at least one, the first from 0 on, ascending. */
  runs: StreamRun[];
  pipeline: PipelineText;
}

/** Where a stream goes; the shape that a delivery thread takes. */
export interface DeliveryPlan {
  containerId: string;
  directory: string;
  committed: SharedArrayBuffer;
  /** At least one; no two with one key. */
  endpoints: PlannedEndpoint[];
  /** Endpoints that settings name no more and whose data is still kept. */
  pinnedIds: number[];
}

/**
 * The plan for one stream, with nothing pinned; undefined when no endpoint is set and logs stay
 * on the host. Rejects with `invalid_option` when settings are wrong by now, and with
 * `file_unreadable` when a file is gone or wrong. `onLent` hears why old runs have later labels.
 */
export async function planDelivery(
  stream: DeliverableStream,
  env: Env,
  host: string,
  registry: EndpointRegistry,
  onLent?: (because: string) => void,
): Promise<DeliveryPlan | undefined> {
  const { containerId, logOpts } = stream.record;
  const { settings } = parseLogOpts(logOpts, env);
  const { endpoints, lines } = settings;
  if (endpoints.length === 0) return undefined;
  const lent = new Set<string>();
  const plans = endpoints.map(({ key }) => {
    const ofEndpoint = lines.get(key);
    if (ofEndpoint === undefined) throw new Error('an endpoint without settings for its lines');
    const { runs, pipeline, lentBecause } = planLines(stream, settings, ofEndpoint, host);
    if (lentBecause !== undefined) lent.add(lentBecause);
    return { runs, pipeline };
  });
  if (lent.size > 0) onLent?.([...lent].join('; '));
  const ids = await Promise.all(endpoints.map(({ key }) => registry.idOf(key)));
  const { directory, committed } = stream;
  const planned = endpoints.flatMap((endpoint, index) => {
    const endpointId = ids[index];
    const plan = plans[index];
    return endpointId === undefined || plan === undefined
      ? []
      : [{ endpointId, endpoint, ...plan }];
  });
  return { containerId, directory, committed, endpoints: planned, pinnedIds: [] };
}
