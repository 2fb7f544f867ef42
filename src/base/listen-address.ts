/**
 * Where a server of ours listens: TCP or a unix socket, read from text. Pure: it resolves no
 * name and opens nothing, so an address that it takes may still be one that cannot be had.
 */

/** A place to listen at. Port 0 lets the kernel choose. */
export type ListenAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

// What the kernel takes in sun_path, without the byte that ends it.
const socketPathBytesMax = 107;

/** `HOST:PORT`, `[IPV6]:PORT` or `unix:/PATH`; undefined for anything else. */
export function parseListenAddress(text: string): ListenAddress | undefined {
  if (text.startsWith('unix:')) return unixAddress(text.slice('unix:'.length));
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+)):(\d{1,5})$/i.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host === undefined || port > 65_535 ? undefined : { kind: 'tcp', host, port };
}

function unixAddress(path: string): ListenAddress | undefined {
  const fits = Buffer.byteLength(path) <= socketPathBytesMax && !path.includes('\0');
  return fits && path.startsWith('/') && !path.endsWith('/') ? { kind: 'unix', path } : undefined;
}

/** The address as somebody would write it. */
export function showListenAddress(address: ListenAddress): string {
  if (address.kind === 'unix') return `unix:${address.path}`;
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return `${host}:${address.port}`;
}
