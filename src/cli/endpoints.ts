/**
 * Which endpoint stands behind a number. The WAL knows endpoints by digests only; settings that
 * are at hand (log-opts on disk, the plugin's own) are matched against them. It must never give
 * away more of a URL than where it leads.
 */
import { nodeFileSystem as disk } from '../base/file-system.ts';
import { parseLogOpts } from '../config/parse.ts';
import type { EndpointSettings } from '../config/settings.ts';
import { readEndpointIds } from '../wal/index.ts';
import type { KnownContainer } from './known-containers.ts';

/** An endpoint as it may be shown. */
export interface ShownEndpoint {
  /** Its number in cursors; undefined for one that never acknowledged anything. */
  number: number | undefined;
  /** Without user, password and query; undefined when no settings name it. */
  url: string | undefined;
  tenant: string | undefined;
}

/** Numbers and names of the endpoints of one WAL. */
export class KnownEndpoints {
  readonly #numbers: ReadonlyMap<string, number>;
  readonly #byNumber = new Map<number, ShownEndpoint>();
  readonly #ofContainer = new Map<string, ShownEndpoint>();

  constructor(
    root: string,
    containers: readonly KnownContainer[],
    env: Readonly<Record<string, string>>,
  ) {
    this.#numbers = new Map(Object.entries(readEndpointIds(disk, root) ?? {}));
    for (const container of containers) {
      const endpoint = endpointOf(container, env);
      if (endpoint === undefined) continue;
      const shown = this.#shown(endpoint);
      this.#ofContainer.set(container.id, shown);
      if (shown.number !== undefined) this.#byNumber.set(shown.number, shown);
    }
  }

  /** The endpoint with this number. */
  byNumber(number: number): ShownEndpoint {
    return this.#byNumber.get(number) ?? { number, url: undefined, tenant: undefined };
  }

  /** Where a container ships to by its settings, as far as they are known here. */
  of(containerId: string): ShownEndpoint | undefined {
    return this.#ofContainer.get(containerId);
  }

  #shown({ key, url, tenantId }: EndpointSettings): ShownEndpoint {
    return { number: this.#numbers.get(key), url: showUrl(url), tenant: tenantId };
  }
}

/** The part of a URL that says where, and holds no secret. */
export function showUrl(url: string): string {
  const { origin, pathname } = new URL(url);
  return `${origin}${pathname}`;
}

function endpointOf(
  { record }: KnownContainer,
  env: Readonly<Record<string, string>>,
): EndpointSettings | undefined {
  if (record === undefined) return undefined;
  try {
    return parseLogOpts(record.logOpts, env).settings.endpoint;
  } catch {
    // Settings that are wrong by now name no endpoint; whoever delivers tells of it.
    return undefined;
  }
}
