/**
 * Takes a URL with user and password apart, and refuses one in which a password that is not
 * escaped may have moved into host, path or query. What it refuses, it must never repeat.
 */

/** A URL without userinfo, and what stood there, percent-decoded; '' for what did not. */
export interface UrlParts {
  /** A copy that the caller may change. */
  readonly url: URL;
  readonly user: string;
  /** Secret. */
  readonly password: string;
}

/** The parts, or the reason (without the value) why the text is no such URL. */
export function parseUrlParts(text: string): UrlParts | { readonly problem: string } {
  // An unescaped #, / or ? in a password makes the user name a host and the rest a fragment,
  // path or query: logs would go to the wrong place, with a piece of the password in the URL.
  if (text.includes('#')) return { problem: 'has a #, which must be written %23' };
  if (!URL.canParse(text)) return { problem: 'is not a URL' };
  const url = new URL(text);
  if (`${url.pathname}${url.search}`.includes('@')) {
    return { problem: 'has an @ behind the host, which must be written %40' };
  }
  if (url.hostname.includes(',')) return { problem: 'has a comma in its host' };
  const user = decodePart(url.username);
  const password = decodePart(url.password);
  if (user === undefined || password === undefined) {
    return { problem: 'has a user name or password with a % that must be written %25' };
  }
  if (user.includes(':')) {
    return { problem: 'has a user name with a colon, which HTTP cannot carry' };
  }
  url.username = '';
  url.password = '';
  return { url, user, password };
}

function decodePart(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
