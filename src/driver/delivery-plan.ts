/**
 * From a container's record and the plugin's settings to what delivery is told: which
 * endpoints, under which labels. Resolved anew at each start of the plugin, so that a
 * corrected setting reaches containers that ended long ago too.
 */
import type { DeliverableStream } from '../capture/open-log.ts';
import { parseLogOpts } from '../config/parse.ts';
import type { EndpointSettings } from '../config/settings.ts';
import { buildSelector, type CompiledLabel } from '../pipeline/labels.ts';
import type { PipelineText, StreamRun } from '../pipeline/plan.ts';
import { compileTemplate } from '../pipeline/template.ts';
import type { EndpointRegistry } from '../wal/index.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** One endpoint of a stream. */
export interface PlannedEndpoint {
  /** The number by which cursors know it. */
  endpointId: number;
  endpoint: EndpointSettings;
  /** Selectors of the two streams of lines. */
  labels: { stdout: string; stderr: string };
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
 * on the host. Rejects with `invalid_option` when settings are wrong by now.
 */
export async function planDelivery(
  stream: DeliverableStream,
  env: Env,
  host: string,
  registry: EndpointRegistry,
): Promise<DeliveryPlan | undefined> {
  const { containerId, containerName, logOpts } = stream.record;
  const { endpoints, externalLabels } = parseLogOpts(logOpts, env).settings;
  if (endpoints.length === 0) return undefined;
  const external: CompiledLabel[] = externalLabels.map(({ name, value }) => ({
    name,
    value: compileTemplate(value),
  }));
  const selectorOf = (source: string): string =>
    buildSelector(external, { containerName, host, source });
  const labels = { stdout: selectorOf('stdout'), stderr: selectorOf('stderr') };
  const pairsOf = (source: string): [string, string][] => {
    const fields = { name: containerName.replace(/^\//, '') };
    const pairs = new Map(external.map(({ name, value }) => [name, value(fields)]));
    if (host !== '') pairs.set('host', host);
    pairs.set('source', source);
    return [...pairs].filter(([, value]) => value !== '').sort(([a], [b]) => (a < b ? -1 : 1));
  };
  const runs: StreamRun[] = [
    {
      fromLsn: 0,
      labels: { stdout: pairsOf('stdout'), stderr: pairsOf('stderr') },
      metadata: [],
    },
  ];
  const pipeline: PipelineText = { level: 'off', dropBlank: false };
  const ids = await Promise.all(endpoints.map(({ key }) => registry.idOf(key)));
  const { directory, committed } = stream;
  const planned = endpoints.flatMap((endpoint, index) => {
    const endpointId = ids[index];
    return endpointId === undefined ? [] : [{ endpointId, endpoint, labels, runs, pipeline }];
  });
  return { containerId, directory, committed, endpoints: planned, pinnedIds: [] };
}
