/**
 * Takes a push URL apart into where to push and as whom. The URL that leaves
 * here carries no userinfo, so that endpoints can be compared by it; what it
 * refuses, it must never repeat in its reason.
 */
import { parseUrlParts } from './url-parts.ts';

/** User and password of basic authentication, percent-decoded. Secret. */
export interface BasicAuth {
  readonly user: string;
  readonly password: string;
}

/** A push URL, complete with its path or port, and the credentials that stood in it. */
export interface EndpointUrl {
  readonly url: string;
  readonly basicAuth?: BasicAuth;
}

/** Loki's push path, appended to an HTTP URL that has none. */
export const defaultPushPath = '/loki/api/v1/push';

/** Loki's port for gRPC, appended to a gRPC URL that has none. */
export const defaultGrpcPort = '9095';

/**
 * The URLs in a list. Only a comma before a scheme separates: others belong to a password or a
 * path.
 */
export function splitUrls(text: string): string[] {
  return text.split(/,(?=\s*[a-z][a-z0-9+.-]*:\/\/)/i).map((piece) => {
    let end = piece.trimEnd();
    while (end.endsWith(',')) end = end.slice(0, -1).trimEnd();
    return end.trimStart();
  });
}

/** The parts, or the reason (without the value) why the text is no push URL. */
export function parseEndpointUrl(text: string): EndpointUrl | { readonly problem: string } {
  // Without this check "loki:3100" would be a URL whose scheme is "loki:".
  const scheme = /^(https?|grpcs?):\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) {
    return { problem: 'does not begin with http://, https://, grpc:// or grpcs://' };
  }
  const rest = text.slice(scheme.length);
  const isGrpc = scheme.startsWith('grpc');
  // Of a scheme that it does not know, URL checks neither host nor port.
  const parts = parseUrlParts(`${isGrpc ? 'ftp' : scheme}${rest}`);
  if ('problem' in parts) return parts;
  const { url, user, password } = parts;
  const basicAuth = user === '' && password === '' ? {} : { basicAuth: { user, password } };
  if (!isGrpc) {
    if (url.pathname === '/') url.pathname = defaultPushPath;
    return { url: url.href, ...basicAuth };
  }
  if (url.pathname !== '/' || url.search !== '') {
    return { problem: 'has a path or query, which gRPC has no use for' };
  }
  // URL drops the port that is the default of the scheme it took it for.
  const port = url.port || new URL(`http${rest}`).port || defaultGrpcPort;
  return { url: `${scheme}://${url.hostname}:${port}`, ...basicAuth };
}
