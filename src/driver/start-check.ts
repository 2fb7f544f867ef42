/**
 * What is looked at before a container starts: all of its options, so that a wrong one stops it with
 * a message, and what of its environment may be kept. Nothing is written here, and no endpoint asked.
 */

import type { ContainerIdentity } from '../capture/container-log.ts';
import { parseLogOpts } from '../config/parse.ts';
import { pickEnv } from '../pipeline/attributes.ts';
import { buildPipeline } from '../pipeline/build-pipeline.ts';
import { containerDirectory } from '../wal/index.ts';
import { planLines } from './line-plan.ts';
import type { StartLoggingRequest } from './wire.ts';

/** Where the driver runs. */
export interface StartPlace {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly host: string;
  readonly walDir: string;
}

/** A container that may start. */
export interface CheckedStart {
  readonly identity: ContainerIdentity;
  readonly warnings: readonly string[];
}

const noTenant =
  'stages choose tenants, and the endpoint has none of its own: a Loki that asks for tenants refuses ' +
  'lines that stages find none for, and the others wait behind them; set loki-tenant-id';

/** Checks a StartLogging. Throws `invalid_option` that says all that is wrong with its options. */
export function checkStart(
  { identity: asked, environment }: StartLoggingRequest,
  { env, host, walDir }: StartPlace,
): CheckedStart {
  const { settings, warnings } = parseLogOpts(asked.logOpts, env);
  const picked = pickEnv(environment, settings.attributes.env);
  const identity = picked.env.length === 0 ? asked : { ...asked, env: picked.env };
  const notes = new Set(warnings);
  if (picked.left.length > 0) {
    const names = picked.left.slice(0, 10).join(', ');
    notes.add(`variables that env or env-regex select are too large and left out: ${names}`);
  }
  const directory = containerDirectory(walDir, identity.containerId);
  for (const { key, label, sink } of settings.endpoints) {
    const lines = settings.lines.get(key);
    if (lines === undefined) continue;
    const plan = planLines({ directory, record: identity }, settings, lines, host);
    for (const warning of plan.warnings) notes.add(warning);
    if (sink.tenantId === undefined && buildPipeline(plan.pipeline).choosesTenants) {
      notes.add(`${label}: ${noTenant}`);
    }
  }
  return { identity, warnings: [...notes] };
}
