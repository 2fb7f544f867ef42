/**
 * Whether NO_PROXY keeps an endpoint away from the plugin's proxy; as curl, Go and others have
 * it. It must never resolve a name.
 */
import { BlockList, isIP } from 'node:net';

/**
 * Whether `host` (a name, or an address without brackets) and `port` match the list. A name in it
 * matches itself and all below it, one with a dot before it only what is below; an address matches
 * itself, a network (`192.0.2.0/24`) its addresses, and `*` everything. The host itself is never
 * reached through a proxy.
 */
export function bypassesProxy(noProxy: string, host: string, port: number): boolean {
  const name = host.toLowerCase();
  if (isLoopback(name)) return true;
  return noProxy
    .toLowerCase()
    .split(/[\s,]/)
    .some((entry) => entry !== '' && matches(entry, name, port));
}

function matches(entry: string, host: string, port: number): boolean {
  if (entry === '*') return true;
  const [place, onlyPort] = splitPort(entry);
  if (onlyPort !== undefined && onlyPort !== port) return false;
  if (isIP(host) !== 0) return isInNetwork(host, place);
  const suffix = place.startsWith('*.') ? place.slice(1) : place;
  if (suffix.startsWith('.')) return host.endsWith(suffix);
  return host === suffix || host.endsWith(`.${suffix}`);
}

/** Place and port of `host:port`, `[address]:port`, or either alone. */
function splitPort(entry: string): [string, number | undefined] {
  const bracketed = /^\[([^\]]*)\](?::(\d+))?$/.exec(entry);
  if (bracketed !== null) {
    return [bracketed[1] ?? '', bracketed[2] === undefined ? undefined : Number(bracketed[2])];
  }
  // More than one colon: an IPv6 address without a port.
  const match = /^([^:]*):(\d+)$/.exec(entry);
  return match === null ? [entry, undefined] : [match[1] ?? '', Number(match[2])];
}

function isInNetwork(address: string, place: string): boolean {
  const [network = '', bits] = place.split('/');
  const version = isIP(network);
  if (version === 0) return false;
  const family = version === 6 ? 'ipv6' : 'ipv4';
  const bitsMax = version === 6 ? 128 : 32;
  const prefix = bits === undefined ? bitsMax : Number(bits);
  if (!(Number.isInteger(prefix) && prefix >= 0 && prefix <= bitsMax)) return false;
  const list = new BlockList();
  list.addSubnet(network, prefix, family);
  return list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

function isLoopback(host: string): boolean {
  const version = isIP(host);
  if (version === 0) return host === 'localhost' || host.endsWith('.localhost');
  return loopback.check(host, version === 6 ? 'ipv6' : 'ipv4');
}
