/**
 * TLS on a socket that leads to the endpoint already, also through a proxy. It never ends by
 * itself: whoever owns the socket destroys it in time.
 */
import { isIP, type Socket } from 'node:net';
import { connect } from 'node:tls';
import type { TlsMaterial } from './tls-reader.ts';

/** What a connection is to be. */
export interface StartTlsOptions extends TlsMaterial {
  /** `host:port` of the endpoint. */
  readonly target: string;
  /** What is spoken inside, as ALPN calls it. */
  readonly protocol: string;
}

/** Resolves when the handshake is over; rejects with the error that OpenSSL or Node gives. */
export function startTls(socket: Socket, options: StartTlsOptions): Promise<Socket> {
  const { target, serverName, context, isVerified, protocol } = options;
  const host = target.slice(0, target.lastIndexOf(':')).replace(/^\[|\]$/g, '');
  return new Promise((resolve, reject) => {
    const secure = connect({
      socket,
      host,
      // An address is no server name; the certificate is then checked against `host`.
      servername: serverName ?? (isIP(host) === 0 ? host : ''),
      secureContext: context,
      rejectUnauthorized: isVerified,
      ALPNProtocols: [protocol],
    });
    const onClose = (): void => {
      reject(Object.assign(new Error('cut in the TLS handshake'), { code: 'ECONNRESET' }));
    };
    secure.once('error', reject).once('close', onClose);
    secure.once('secureConnect', () => {
      secure.off('error', reject).off('close', onClose);
      resolve(secure);
    });
  });
}
