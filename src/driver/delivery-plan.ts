/**
 * From a container's record and the plugin's settings to what delivery is told: which
 * endpoint, under which labels. Resolved anew at each start of the plugin, so that a
 * corrected setting reaches containers that ended long ago too.
 */
import type { DeliverableStream } from '../capture/open-log.ts';
import { parseLogOpts } from '../config/parse.ts';
import type { ContainerSettings } from '../config/settings.ts';
import { buildSelector, type CompiledLabel } from '../pipeline/labels.ts';
import { compileTemplate } from '../pipeline/template.ts';
import type { EndpointRegistry } from '../wal/index.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** Where a stream goes; the shape that a delivery thread takes. */
export interface DeliveryPlan {
  containerId: string;
  directory: string;
  committed: SharedArrayBuffer;
  endpointId: number;
  endpoint: NonNullable<ContainerSettings['endpoint']>;
  labels: { stdout: string; stderr: string };
}

/**
 * The plan for one stream; undefined when no endpoint is set and logs stay on the host.
 * Rejects with `invalid_option` when settings are wrong by now.
 */
export async function planDelivery(
  stream: DeliverableStream,
  env: Env,
  host: string,
  registry: EndpointRegistry,
): Promise<DeliveryPlan | undefined> {
  const { containerId, containerName, logOpts } = stream.record;
  const { endpoint, externalLabels } = parseLogOpts(logOpts, env).settings;
  if (endpoint === undefined) return undefined;
  const external: CompiledLabel[] = externalLabels.map(({ name, value }) => ({
    name,
    value: compileTemplate(value),
  }));
  const selectorOf = (source: string): string =>
    buildSelector(external, { containerName, host, source });
  const { directory, committed } = stream;
  const labels = { stdout: selectorOf('stdout'), stderr: selectorOf('stderr') };
  const endpointId = await registry.idOf(endpoint.key);
  return { containerId, directory, committed, endpointId, endpoint, labels };
}
