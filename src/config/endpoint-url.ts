/**
 * Takes a push URL apart into where to push and as whom. The URL that leaves
 * here carries no userinfo, so that endpoints can be compared by it; what it
 * refuses, it must never repeat in its reason.
 */

/** User and password of basic authentication, percent-decoded. Secret. */
export interface BasicAuth {
  readonly user: string;
  readonly password: string;
}

/** A push URL, complete with its path, and the credentials that stood in it. */
export interface EndpointUrl {
  readonly url: string;
  readonly basicAuth?: BasicAuth;
}

/** Loki's push path, appended to a URL that has none. */
export const defaultPushPath = '/loki/api/v1/push';

/** The parts, or the reason (without the value) why the text is no push URL. */
export function parseEndpointUrl(text: string): EndpointUrl | { readonly problem: string } {
  // Without this check "loki:3100" would be a URL whose scheme is "loki:".
  if (!/^https?:\/\//i.test(text)) return { problem: 'does not begin with http:// or https://' };
  // An unescaped #, / or ? in a password makes the user name a host and the rest a fragment,
  // path or query: logs would go to the wrong place, with a piece of the password in the URL.
  if (text.includes('#')) return { problem: 'has a #, which must be written %23' };
  if (!URL.canParse(text)) return { problem: 'is not a URL' };
  const url = new URL(text);
  if (`${url.pathname}${url.search}`.includes('@')) {
    return { problem: 'has an @ behind the host, which must be written %40' };
  }
  const user = decodePart(url.username);
  const password = decodePart(url.password);
  if (user === undefined || password === undefined) {
    return { problem: 'has a user name or password with a % that must be written %25' };
  }
  url.username = '';
  url.password = '';
  if (url.pathname === '/') url.pathname = defaultPushPath;
  if (user === '' && password === '') return { url: url.href };
  if (user.includes(':'))
    return { problem: 'has a user name with a colon, which HTTP cannot carry' };
  return { url: url.href, basicAuth: { user, password } };
}

function decodePart(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
