/**
 * What it means when there was no answer: always a retry, and here is said whether waiting helps
 * or somebody has to mend something. Its texts must help people who see nothing but them.
 */
import { errnoOf, messageOf } from '../base/errors.ts';
import { reasonOf } from './classify.ts';
import { SettingsError } from './settings-error.ts';
import type { Retry } from './sink.ts';
import { TunnelError } from './tunnel.ts';

/** What an error means, in words that help. */
export interface Meaning {
  readonly cause: Retry['cause'];
  readonly text: string;
}

const outage = (text: string): Meaning => ({ cause: 'outage', text });
const settings = (text: string): Meaning => ({ cause: 'settings', text });

/** A connection that ended too early. */
export const cut: Meaning = outage('the connection was cut');
const noAnswer = outage('no answer from the address');
/** An answer that did not come. */
export const noAnswerInTime: Meaning = outage('no answer in time');
const unknownAuthority = settings('the certificate authority is not known here; set loki-tls-ca');
const wrongName = settings(
  'the certificate is for another name; set loki-tls-server-name to one that it has',
);
const noTls = settings('the endpoint does not speak TLS; is it http:// or grpc://?');
/** HTTP/1, or something else, where gRPC was expected. */
export const notGrpc: Meaning = settings('the endpoint does not speak gRPC; is it http://?');
const notHttp = settings('the answer is not HTTP; is it https://?');
const wantsCertificate = settings(
  'the endpoint asks for a client certificate; set loki-tls-cert and loki-tls-key',
);
const refusedHandshake = settings(
  'the endpoint refuses the TLS handshake; does it want a client certificate?',
);
const refusedCertificate = settings('the endpoint does not take the client certificate');
const inHostNetwork =
  "it is looked up in the host's network namespace, where names of a compose network do not exist";
/** A name that has no address. */
export const unknownName: Meaning = outage(`the name does not resolve; ${inHostNetwork}`);

/** Errors by their code: what it means, in words that help. */
const meanings = new Map<string, Meaning>([
  ['ENOTFOUND', unknownName],
  ['EAI_AGAIN', outage(`the name server does not answer; the name: ${inHostNetwork}`)],
  ['ECONNREFUSED', outage("nothing listens there, seen from the host's network namespace")],
  ['ECONNRESET', cut],
  ['EPIPE', cut],
  ['UND_ERR_SOCKET', cut],
  ['ERR_SSL_UNEXPECTED_EOF_WHILE_READING', cut],
  ['ETIMEDOUT', noAnswer],
  ['UND_ERR_CONNECT_TIMEOUT', noAnswer],
  ['EHOSTUNREACH', outage('there is no route to the host')],
  ['ENETUNREACH', outage('there is no route to the network')],
  ['UND_ERR_HEADERS_TIMEOUT', noAnswerInTime],
  ['UND_ERR_BODY_TIMEOUT', noAnswerInTime],
  ['UND_ERR_HEADERS_OVERFLOW', outage('the headers of the answer are too large')],
  ['CERT_HAS_EXPIRED', settings('the certificate has expired')],
  ['CERT_NOT_YET_VALID', settings("the certificate is not valid yet; is this host's clock right?")],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', settings('the certificate is signed by itself; set loki-tls-ca')],
  ['SELF_SIGNED_CERT_IN_CHAIN', unknownAuthority],
  ['UNABLE_TO_GET_ISSUER_CERT', unknownAuthority],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', unknownAuthority],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', unknownAuthority],
  ['CERT_SIGNATURE_FAILURE', unknownAuthority],
  ['ERR_TLS_CERT_ALTNAME_INVALID', wrongName],
  ['ERR_SSL_WRONG_VERSION_NUMBER', noTls],
  ['ERR_SSL_PACKET_LENGTH_TOO_LONG', noTls],
  ['ERR_SSL_NO_APPLICATION_PROTOCOL', settings('the endpoint does not speak HTTP/2 over TLS')],
]);

/** Codes of which each member is about certificates, TLS or the shape of a request. */
const settingsCodes = /^(?:CERT_|UNABLE_TO_|ERR_TLS_|ERR_SSL_|ERR_OSSL_|HPE_|UND_ERR_INVALID_ARG)/;

const parserErrorName = 'HTTPParserError';

/** Why a send was ended from this side; the message becomes the reason. */
export class SendAborted extends Error {}

/** What a failure without an answer means. `clean` takes the secrets out of foreign messages. */
export function classifyError(
  where: string,
  error: unknown,
  clean: (text: string) => string,
): Retry {
  const told = `cannot push to ${where}`;
  if (error instanceof SettingsError || error instanceof SendAborted) {
    const cause = error instanceof SettingsError ? 'settings' : 'outage';
    return { kind: 'retry', cause, reason: reasonOf(told, error.message) };
  }
  if (error instanceof TunnelError && error.status !== undefined) {
    return classifyProxyAnswer(told, error.message, error.status);
  }
  const code = errnoOf(error) ?? codeOfCause(error) ?? '';
  const meaning = meaningOf(error, code);
  const text = meaning?.text ?? clean(withoutSourceLines(messageOf(error)));
  const what = text.startsWith(code) ? text : `${code}, ${text}`;
  const cause = meaning?.cause ?? (settingsCodes.test(code) ? 'settings' : 'outage');
  return { kind: 'retry', cause, reason: reasonOf(told, what) };
}

function classifyProxyAnswer(told: string, message: string, status: number): Retry {
  const hint = status === 407 ? 'check user and password of the proxy' : undefined;
  // 502 and its like: the proxy does not reach the endpoint.
  const cause = status >= 500 || status === 429 ? 'outage' : 'settings';
  return { kind: 'retry', cause, reason: reasonOf(told, message, hint), status };
}

/** What an error means that is known by its text only. */
export function meaningOfText(text: string): Meaning | undefined {
  for (const [pattern, meaning] of textMeanings) if (pattern.test(text)) return meaning;
  const code = /\bE[A-Z]{3,}\b/.exec(text)?.[0];
  return code === undefined ? undefined : meanings.get(code);
}

/** The text without what OpenSSL adds for its own developers, such as lines of its source. */
export function withoutSourceLines(text: string): string {
  return text
    .replace(/\b[0-9A-F]{8,16}:error:[0-9A-F]{8}:[^:]{1,80}:[^:]{0,80}:/, '')
    .replace(/:[^: ]{1,200}\.c:\d{1,6}:/, ': ');
}

/** OpenSSL's words, in its codes and in its texts, for what the other side says in an alert. */
const textMeanings: readonly [RegExp, Meaning][] = [
  [/alert.certificate.required/i, wantsCertificate],
  [
    /alert.(?:unknown.ca|bad.certificate|unsupported.certificate|certificate.(?:expired|unknown|revoked))/i,
    refusedCertificate,
  ],
  [/alert.handshake.failure/i, refusedHandshake],
  [/wrong.version.number|packet.length.too.long/i, noTls],
];

function meaningOf(error: unknown, code: string): Meaning | undefined {
  const known = meanings.get(code);
  if (known !== undefined) return known;
  // undici's parser gives its errors a code with this prefix, or none at all.
  const named = error instanceof Error && error.name === parserErrorName;
  if (named || code.startsWith('HPE_')) return notHttp;
  if (code.startsWith('ERR_SSL_')) return meaningOfText(code);
  return code === 'EPROTO' ? meaningOfText(messageOf(error)) : undefined;
}

function codeOfCause(error: unknown): string | undefined {
  return error instanceof Error ? errnoOf(error.cause) : undefined;
}
