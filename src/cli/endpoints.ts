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
  /** As settings call it; undefined for one without a name. */
  name: string | undefined;
  /** Without user, password and query; undefined when no settings name it. */
  url: string | undefined;
  tenant: string | undefined;
}

/** Numbers and names of the endpoints of one WAL. */
export class KnownEndpoints {
  readonly #numbers: ReadonlyMap<string, number>;
  readonly #byNumber = new Map<number, ShownEndpoint>();
  readonly #ofContainer = new Map<string, ShownEndpoint[]>();

  constructor(
    root: string,
    containers: readonly KnownContainer[],
    env: Readonly<Record<string, string>>,
  ) {
    this.#numbers = new Map(Object.entries(readEndpointIds(disk, root) ?? {}));
    for (const container of containers) {
      const shown = endpointsOf(container, env).map((endpoint) => this.#shown(endpoint));
      this.#ofContainer.set(container.id, shown);
      for (const one of shown) if (one.number !== undefined) this.#byNumber.set(one.number, one);
    }
  }

  /** The endpoint with this number. */
  byNumber(number: number): ShownEndpoint {
    return (
      this.#byNumber.get(number) ?? { number, name: undefined, url: undefined, tenant: undefined }
    );
  }

  /** Where a container ships to by its settings, as far as they are known here. */
  of(containerId: string): readonly ShownEndpoint[] {
    return this.#ofContainer.get(containerId) ?? [];
  }

  #shown({ key, name, sink: { url, tenantId } }: EndpointSettings): ShownEndpoint {
    return {
      number: this.#numbers.get(key),
      name: name === '' ? undefined : name,
      url: showUrl(url),
      tenant: tenantId,
    };
  }
}

/** The part of a URL that says where, and holds no secret. */
export function showUrl(url: string): string {
  const { origin, pathname } = new URL(url);
  return `${origin}${pathname}`;
}

function endpointsOf(
  { record }: KnownContainer,
  env: Readonly<Record<string, string>>,
): readonly EndpointSettings[] {
  if (record === undefined) return [];
  try {
    return parseLogOpts(record.logOpts, env).settings.endpoints;
  } catch {
    // Settings that are wrong by now name no endpoint; whoever delivers tells of it.
    return [];
  }
}
