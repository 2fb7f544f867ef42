/**
 * Options that come as a text or as the path of a file: passwords, tokens, certificates, keys.
 * Files are not looked at: a container must start, and one that is missing is told when lines are
 * sent. Nothing of a value may stand in a message.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { isAbsolute } from 'node:path';
import type { SecretSetting } from './endpoint-settings.ts';
import type { Given, OptionReader } from './option-reader.ts';
import type { OptionSpec } from './option-spec.ts';

/** The two options that one secret may come from. */
export interface SecretSpecs {
  readonly text: OptionSpec;
  readonly file: OptionSpec;
}

/** Which of the two options was taken. */
export interface ReadSecret {
  readonly spec: OptionSpec;
  readonly given: Given;
  readonly secret: SecretSetting;
}

/**
 * The nearer of the two, as ranks have it; an error where both stand equally near. `parse` gives
 * the text as it is to be used, or says what is wrong with it.
 */
export function readSecret(
  reader: OptionReader,
  specs: SecretSpecs,
  parse: (text: string) => string | { readonly problem: string },
): ReadSecret | undefined {
  const text = reader.given(specs.text);
  const file = reader.given(specs.file);
  if (text !== undefined && text.rank === file?.rank) {
    reader.fault(`${file.source} and ${text.source} are both given; allowed is one of them`);
  }
  if (file !== undefined && (text === undefined || file.rank <= text.rank)) {
    if (!isAbsolute(file.text)) reader.error(specs.file, file, 'is not an absolute path');
    return { spec: specs.file, given: file, secret: { kind: 'file', path: file.text } };
  }
  if (text === undefined) return undefined;
  const used = parse(text.text);
  if (typeof used !== 'string') reader.error(specs.text, text, used.problem);
  const secret = { kind: 'text' as const, text: typeof used === 'string' ? used : '' };
  return { spec: specs.text, given: text, secret };
}

const notPem = { problem: 'is neither PEM nor base64 of PEM' };

/** PEM as it is, with line ends that somebody has written as `\n`, or base64 of PEM. */
function pemOf(text: string): string | undefined {
  const isPem = text.includes('-----BEGIN ');
  const pem = isPem
    ? text.replaceAll(String.raw`\n`, '\n')
    : Buffer.from(text, 'base64').toString('latin1');
  return pem.includes('-----BEGIN ') ? pem : undefined;
}

/** Certificates in PEM; of several only the first is looked at. */
export function parseCertificates(text: string): string | { readonly problem: string } {
  const pem = pemOf(text);
  if (pem === undefined) return notPem;
  return certificateOf(pem) === undefined ? { problem: 'is no certificate' } : pem;
}

/** A private key in PEM. */
export function parsePrivateKey(text: string): string | { readonly problem: string } {
  const pem = pemOf(text);
  if (pem === undefined) return notPem;
  return keyOf(pem) === undefined
    ? { problem: 'is no private key, or one with a pass phrase' }
    : pem;
}

/** Whether a certificate is for this key; true where one of them cannot be read. */
export function belongTogether(certificatePem: string, keyPem: string): boolean {
  const certificate = certificateOf(certificatePem);
  const key = keyOf(keyPem);
  if (certificate === undefined || key === undefined) return true;
  return certificate.checkPrivateKey(key);
}

function certificateOf(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

function keyOf(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    return undefined;
  }
}
