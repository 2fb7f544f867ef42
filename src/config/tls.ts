/**
 * The TLS options of one endpoint. What comes as text is checked here, because a wrong certificate
 * is better told when the container starts; files are the sender's business.
 */
import type { TlsSettings } from './endpoint-settings.ts';
import { type OptionReader, rank } from './option-reader.ts';
import type { OptionSpec } from './option-spec.ts';
import { endpointOptions } from './options.ts';
import { belongTogether, parseCertificates, parsePrivateKey, readSecret } from './secrets.ts';

const { tlsCa, tlsCaFile, tlsCert, tlsCertFile, tlsKey, tlsKeyFile } = endpointOptions;
const { tlsServerName, tlsSkipVerify } = endpointOptions;

const tlsOptions: readonly OptionSpec[] = [
  ...[tlsCaFile, tlsCa, tlsCertFile, tlsCert, tlsKeyFile, tlsKey],
  ...[tlsServerName, tlsSkipVerify],
];

/** Whether a push URL is one over TLS. */
export function isTls(url: string): boolean {
  return url.startsWith('https:') || url.startsWith('grpcs:');
}

/** The settings; what is wrong is noted at the reader. */
export function readTls(reader: OptionReader): TlsSettings {
  const ca = readSecret(reader, { text: tlsCa, file: tlsCaFile }, parseCertificates);
  const cert = readSecret(reader, { text: tlsCert, file: tlsCertFile }, parseCertificates);
  const key = readSecret(reader, { text: tlsKey, file: tlsKeyFile }, parsePrivateKey);
  if (cert !== undefined && key === undefined) {
    reader.error(cert.spec, cert.given, 'has no key beside it');
  }
  if (key !== undefined && cert === undefined) {
    reader.error(key.spec, key.given, 'has no certificate beside it');
  }
  if (cert?.secret.kind === 'text' && key?.secret.kind === 'text') {
    const isPair = belongTogether(cert.secret.text, key.secret.text);
    if (!isPair) reader.error(key.spec, key.given, `is not the key of ${cert.given.source}`);
  }
  const serverName = readServerName(reader);
  return {
    ...(ca === undefined ? {} : { ca: ca.secret }),
    ...(cert === undefined ? {} : { cert: cert.secret }),
    ...(key === undefined ? {} : { key: key.secret }),
    ...(serverName === undefined ? {} : { serverName }),
    skipVerify: reader.flag(tlsSkipVerify),
  };
}

function readServerName(reader: OptionReader): string | undefined {
  const given = reader.given(tlsServerName);
  if (given === undefined) return undefined;
  const isName = given.text.length <= tlsServerName.max && /^[a-z0-9._-]+$/i.test(given.text);
  // An address is not asked for by name in TLS.
  if (!isName || /^[\d.]+$/.test(given.text)) {
    reader.error(tlsServerName, given, 'is not a host name');
  }
  return given.text;
}

/**
 * Warns of TLS options that a log-opt gives to an endpoint without TLS. As plugin settings they
 * are meant for those endpoints that have it, and a plain log-opt likewise, if there is one.
 */
export function warnOfIdleTls(reader: OptionReader, isAnyTls: boolean): void {
  for (const spec of tlsOptions) {
    const given = reader.given(spec);
    if (given === undefined) continue;
    const isMeant = given.rank === rank.ownLogOpt || (given.rank === rank.logOpt && !isAnyTls);
    if (isMeant) {
      reader.warn(`${given.source} has no effect: the URL begins with neither https nor grpcs`);
    }
  }
}
