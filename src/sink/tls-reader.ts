/**
 * Certificates and keys of one endpoint as Node's TLS wants them, made anew when a file changes.
 * What cannot be used is told by name and OpenSSL's code, never by its text.
 */
import { X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContext } from 'node:tls';
import { errnoOf } from '../base/errors.ts';
import { SecretReader } from './secret-reader.ts';
import { SettingsError } from './settings-error.ts';
import type { Secret, TlsOptions } from './sink.ts';

/** What a connection with TLS is made with. The same object as long as nothing has changed. */
export interface TlsMaterial {
  readonly context: SecureContext;
  /** In place of the URL's host. */
  readonly serverName?: string;
  /** Whether the endpoint's certificate is checked. */
  readonly isVerified: boolean;
  /** What must not be shown: the lines of the key. */
  readonly secrets: readonly string[];
}

const problems = new Map([
  ['ERR_OSSL_X509_KEY_VALUES_MISMATCH', 'the key does not belong to the certificate'],
  ['ERR_OSSL_BAD_DECRYPT', 'a key with a passphrase cannot be used'],
  ['ERR_OSSL_PEM_NO_START_LINE', 'it is not PEM'],
]);

// A line of a key in PEM has 64 characters; what is shorter than this is a label or the last line.
const keyLineLengthMin = 16;

interface Texts {
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

/** See the module comment. */
export class TlsReader {
  readonly #options: TlsOptions;
  readonly #ca: SecretReader | undefined;
  readonly #cert: SecretReader | undefined;
  readonly #key: SecretReader | undefined;
  #texts: Texts | undefined;
  #material: TlsMaterial | undefined;

  constructor(options: TlsOptions) {
    this.#options = options;
    this.#ca = readerOf(options.ca, 'certificate authority');
    this.#cert = readerOf(options.cert, 'client certificate');
    this.#key = readerOf(options.key, 'client key');
  }

  /** What connections are to be made with from now on. Throws SettingsError. */
  async read(): Promise<TlsMaterial> {
    const [ca, cert, key] = await Promise.all([
      this.#ca?.read(),
      this.#cert?.read(),
      this.#key?.read(),
    ]);
    const texts = { ca, cert, key };
    if (this.#material === undefined || !areSame(this.#texts, texts)) {
      this.#material = this.#make(texts);
      this.#texts = texts;
    }
    return this.#material;
  }

  #make({ ca, cert, key }: Texts): TlsMaterial {
    const { serverName, skipVerify } = this.#options;
    const keyPem = pemOf(key, this.#key);
    const material = {
      ca: checked(pemOf(ca, this.#ca), this.#ca),
      cert: checked(pemOf(cert, this.#cert), this.#cert),
      key: keyPem,
    };
    const given = Object.fromEntries(
      Object.entries(material).filter(([, pem]) => pem !== undefined),
    );
    return {
      context: this.#contextOf(given),
      ...(serverName === undefined ? {} : { serverName }),
      isVerified: !skipVerify,
      secrets: (keyPem ?? '').split('\n').filter((line) => isKeyLine(line)),
    };
  }

  #contextOf(material: { ca?: string; cert?: string; key?: string }): SecureContext {
    try {
      return createSecureContext({ ...material, minVersion: 'TLSv1.2' });
    } catch (error) {
      const what = [this.#cert?.label, this.#key?.label].filter((label) => label !== undefined);
      throw new SettingsError(`${what.join(' and ')} cannot be used: ${problemOf(error)}`);
    }
  }
}

function readerOf(secret: Secret | undefined, what: string): SecretReader | undefined {
  return secret === undefined ? undefined : new SecretReader(secret, { what });
}

function areSame(a: Texts | undefined, b: Texts): boolean {
  return a !== undefined && a.ca === b.ca && a.cert === b.cert && a.key === b.key;
}

/** PEM as it is, with line ends that somebody has written as `\n`, or base64 of PEM. */
function pemOf(text: string | undefined, reader: SecretReader | undefined): string | undefined {
  if (text === undefined) return undefined;
  const isPem = text.includes('-----BEGIN ');
  const pem = isPem
    ? text.replaceAll(String.raw`\n`, '\n')
    : Buffer.from(text, 'base64').toString('latin1');
  if (pem.includes('-----BEGIN ')) return pem;
  throw new SettingsError(`${reader?.label ?? ''} is neither PEM nor base64 of PEM`);
}

/** OpenSSL passes over certificates of an authority that it cannot read; here they are an error. */
function checked(pem: string | undefined, reader: SecretReader | undefined): string | undefined {
  if (pem === undefined) return undefined;
  try {
    // Made only to see whether it can be.
    void new X509Certificate(pem);
    return pem;
  } catch (error) {
    throw new SettingsError(`${reader?.label ?? ''} cannot be used: ${problemOf(error)}`);
  }
}

function problemOf(error: unknown): string {
  const code = errnoOf(error);
  return problems.get(code ?? '') ?? code ?? 'it cannot be read';
}

function isKeyLine(line: string): boolean {
  return line.trim().length >= keyLineLengthMin && !line.startsWith('-----');
}
