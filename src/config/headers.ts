/**
 * Further headers of each push. Those that the driver makes itself are refused, with a hint to the
 * option that is for it. Values are secret and must never stand in a message.
 */
import { endpointOptions, headerPrefix } from './endpoint-options.ts';
import { splitOptionName } from './option-name.ts';
import type { Given, OptionReader } from './option-reader.ts';
import type { OptionSpec } from './option-spec.ts';

const connection = 'the driver sets it itself';
const hints = new Map([
  ['authorization', 'use loki-username and loki-password, or loki-bearer-token'],
  ['connection', connection],
  ['content-encoding', 'use loki-encoding'],
  ['content-length', connection],
  ['content-type', 'use loki-encoding'],
  ['expect', connection],
  ['host', 'it is the host of loki-url'],
  ['keep-alive', connection],
  ['proxy-authorization', 'put user and password into loki-proxy-url'],
  ['proxy-connection', connection],
  ['te', connection],
  ['trailer', connection],
  ['transfer-encoding', connection],
  ['upgrade', connection],
  ['x-scope-orgid', 'use loki-tenant-id'],
]);

// A token of RFC 9110 without the dot, which stands before the name of an endpoint.
const namePattern = /^[A-Za-z0-9!#$%&'*+^_`|~-]{1,100}$/;
const valuePattern = /^[\t\x20-\x7e]+$/;

interface Header {
  readonly spec: OptionSpec;
  readonly given: Given;
}

/** The headers for one endpoint, by lower-case name and sorted; what is wrong is noted. */
export function readHeaders(reader: OptionReader, isGrpc: boolean): Record<string, string> {
  const found = new Map<string, Header>();
  const options = reader.names
    .map((name) => splitOptionName(name).option)
    .filter((option) => option.startsWith(headerPrefix) && option !== headerPrefix);
  for (const option of new Set(options)) {
    const spec: OptionSpec = { ...endpointOptions.header, name: option, env: '' };
    const given = reader.given(spec);
    // It is for another endpoint only.
    if (given === undefined) continue;
    const name = option.slice(headerPrefix.length).toLowerCase();
    const other = found.get(name);
    if (other?.given.rank === given.rank) {
      reader.error(spec, given, `is the same header as ${other.given.source}`);
    }
    if (other === undefined || given.rank < other.given.rank) found.set(name, { spec, given });
  }
  const names = [...found.keys()].sort();
  for (const [name, { spec, given }] of found) {
    const problem = problemOf(name, given.text, isGrpc);
    if (problem !== undefined) reader.error(spec, given, problem);
  }
  return Object.fromEntries(names.map((name) => [name, found.get(name)?.given.text ?? '']));
}

function problemOf(name: string, value: string, isGrpc: boolean): string | undefined {
  if (!namePattern.test(name)) return 'is for no header: its name has a character it cannot have';
  const hint = hints.get(name);
  if (hint !== undefined) return `cannot be set: ${hint}`;
  if (!valuePattern.test(value)) return 'has a character that no header can have';
  if (!isGrpc) return undefined;
  const isMetadata = /^[a-z0-9_-]+$/.test(name) && !/^grpc-|-bin$/.test(name);
  return isMetadata ? undefined : 'is a name that gRPC cannot carry';
}
