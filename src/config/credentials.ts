/**
 * How an endpoint is told who sends: user and password in its URL, the same as options of their
 * own, or a bearer token. What is given nearer to the endpoint wins over the other ways as a whole;
 * two ways equally near are an error, because one of them would be sent to nobody's knowledge.
 */
import type { CredentialSettings } from './endpoint-settings.ts';
import type { BasicAuth } from './endpoint-url.ts';
import type { Given, OptionReader } from './option-reader.ts';
import { endpointOptions } from './options.ts';
import { type ReadSecret, readSecret } from './secrets.ts';

const { username, password, passwordFile, bearerToken, bearerTokenFile } = endpointOptions;

/** Where the URL of an endpoint was given, and who stands in it. */
export interface UrlCredentials {
  readonly given: Given;
  readonly basicAuth: BasicAuth | undefined;
}

interface Way {
  readonly given: Given;
  readonly read: () => CredentialSettings | undefined;
}

/** What counts for the endpoint; what is wrong is noted at the reader. */
export function readCredentials(
  reader: OptionReader,
  url: UrlCredentials,
): CredentialSettings | undefined {
  const user = reader.given(username);
  const secret = readSecret(reader, { text: password, file: passwordFile }, parsePassword);
  const token = readSecret(reader, { text: bearerToken, file: bearerTokenFile }, parseToken);
  const ways: Way[] = [];
  const { basicAuth } = url;
  if (basicAuth !== undefined) ways.push({ given: url.given, read: () => fromUrl(basicAuth) });
  const basic = nearest(user, secret?.given);
  if (basic !== undefined) ways.push({ given: basic, read: () => readBasic(reader, user, secret) });
  if (token !== undefined) {
    ways.push({ given: token.given, read: () => ({ kind: 'bearer', token: token.secret }) });
  }
  const [first, second] = ways.toSorted((a, b) => a.given.rank - b.given.rank);
  if (second !== undefined && second.given.rank === first?.given.rank) {
    const [one, other] = [first, second].map((way) =>
      way.given === url.given ? `the user in ${way.given.source}` : way.given.source,
    );
    reader.fault(
      `${one} and ${other} both say who sends; allowed is one of user and password in the URL, ` +
        `${username.name}, ${bearerToken.name}`,
    );
  }
  return first?.read();
}

function nearest(a: Given | undefined, b: Given | undefined): Given | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return b.rank < a.rank ? b : a;
}

function fromUrl({ user, password: text }: BasicAuth): CredentialSettings {
  return { kind: 'basic', user, password: { kind: 'text', text } };
}

function readBasic(
  reader: OptionReader,
  user: Given | undefined,
  secret: ReadSecret | undefined,
): CredentialSettings | undefined {
  if (user === undefined) {
    if (secret !== undefined) reader.error(secret.spec, secret.given, 'has no loki-username');
    return undefined;
  }
  if (user.text.includes(':')) reader.error(username, user, 'has a colon, which HTTP cannot carry');
  if (hasControls(user.text)) reader.error(username, user, 'has a control character');
  if (secret === undefined) {
    reader.error(username, user, 'has neither loki-password nor loki-password-file');
    return undefined;
  }
  return { kind: 'basic', user: user.text, password: secret.secret };
}

function hasControls(text: string): boolean {
  return /\p{Cc}/u.test(text);
}

function parsePassword(text: string): string | { readonly problem: string } {
  return hasControls(text) ? { problem: 'has a control character' } : text;
}

function parseToken(text: string): string | { readonly problem: string } {
  return /^[!-~]+$/.test(text) ? text : { problem: 'has a character that no token can have' };
}
