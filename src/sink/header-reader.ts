/**
 * The headers that say who sends and for whom: tenant, credentials, and what the user adds.
 * No value of them may end in a message, so all are checked here, before a library that quotes
 * what it refuses sees them.
 */
import { SecretReader } from './secret-reader.ts';
import { SettingsError } from './settings-error.ts';
import type { Credentials, SinkOptions } from './sink.ts';

/** Headers by lower-case name. The same object as long as nothing has changed. */
export interface RequestHeaders {
  readonly headers: Readonly<Record<string, string>>;
  /** What must not be shown. */
  readonly secrets: readonly string[];
}

const namePattern = /^[a-z0-9!#$%&'*+.^_`|~-]+$/;
// No tab: HTTP takes it, gRPC does not.
const valuePattern = /^[\x20-\x7e]*$/;

/** Headers that belong to the connection or the body. */
const reserved = new Set([
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'expect',
  'host',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

// A shorter value is a flag or a number, and hiding it would garble every reason.
const headerSecretLengthMin = 4;

/** See the module comment. */
export class HeaderReader {
  readonly #options: Pick<SinkOptions, 'tenantId' | 'headers' | 'credentials'>;
  readonly #secret: SecretReader | undefined;
  #text: string | undefined;
  #made: RequestHeaders | undefined;

  constructor(options: Pick<SinkOptions, 'tenantId' | 'headers' | 'credentials'>) {
    this.#options = options;
    this.#secret = readerOf(options.credentials);
  }

  /** What to send from now on. Throws SettingsError. */
  async read(): Promise<RequestHeaders> {
    const text = await this.#secret?.read();
    if (this.#made === undefined || this.#text !== text) {
      this.#made = this.#make(text ?? '');
      this.#text = text;
    }
    return this.#made;
  }

  #make(secret: string): RequestHeaders {
    const { tenantId, headers, credentials } = this.#options;
    const made: Record<string, string> = {};
    const secrets: string[] = [];
    for (const [name, value] of Object.entries(headers)) {
      if (!namePattern.test(name) || reserved.has(name)) {
        throw new SettingsError(`the header ${JSON.stringify(name.slice(0, 100))} cannot be set`);
      }
      check(value, `the header ${name}`);
      made[name] = value;
      if (value.length >= headerSecretLengthMin) secrets.push(value);
    }
    if (tenantId !== undefined) made['x-scope-orgid'] = check(tenantId, 'loki-tenant-id');
    if (credentials?.kind === 'basic') {
      const token = Buffer.from(`${credentials.user}:${secret}`).toString('base64');
      made['authorization'] = `Basic ${token}`;
      secrets.push(secret, token);
    } else if (credentials?.kind === 'bearer') {
      made['authorization'] = `Bearer ${check(secret, this.#secret?.label ?? '')}`;
      secrets.push(secret);
    }
    return { headers: made, secrets };
  }
}

/** What is secret in the options themselves, before any file was read. */
export function secretsInOptions(options: SinkOptions): string[] {
  const { credentials, headers } = options;
  const secret = credentials?.kind === 'basic' ? credentials.password : credentials?.token;
  const text = secret?.kind === 'text' ? [secret.text] : [];
  const values = Object.values(headers).filter(({ length }) => length >= headerSecretLengthMin);
  return [...text, ...values];
}

function readerOf(credentials: Credentials | undefined): SecretReader | undefined {
  if (credentials === undefined) return undefined;
  if (credentials.kind === 'basic') {
    return new SecretReader(credentials.password, { what: 'password' });
  }
  return new SecretReader(credentials.token, { what: 'bearer token' });
}

function check(value: string, what: string): string {
  if (valuePattern.test(value)) return value;
  throw new SettingsError(`${what} holds characters that a header cannot carry`);
}
