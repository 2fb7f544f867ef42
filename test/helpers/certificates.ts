/**
 * Certificates for tests, made with the `openssl` program in a directory that goes with the test:
 * an authority, and what it signs. Keys are made anew each time and are worth nothing.
 */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** A certificate and its key, as PEM and as files. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
  readonly certPath: string;
  readonly keyPath: string;
}

/** What a certificate is to say. */
export interface CertificateOptions {
  /** Such as `DNS:localhost` or `IP:127.0.0.1`. */
  readonly names?: readonly string[];
  /** Valid for one day in 2020. */
  readonly isExpired?: boolean;
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

/** An authority with a directory of its own. */
export class Authority implements Disposable {
  readonly directory = fs.mkdtempSync(path.join(os.tmpdir(), 'holdfast-certificates-'));
  /** The authority's own certificate, as PEM. */
  readonly cert: string;
  readonly certPath: string;
  #made = 0;

  constructor() {
    this.certPath = this.#path('ca.pem');
    const files = ['-keyout', this.#path('ca.key'), '-out', this.certPath];
    this.#openssl('req', '-x509', ...newKey, ...files, '-subj', '/CN=test authority', '-days', '2');
    this.cert = fs.readFileSync(this.certPath, 'utf8');
    fs.mkdirSync(this.#path('issued'));
    fs.writeFileSync(this.#path('index.txt'), '');
    fs.writeFileSync(this.#path('ca.cnf'), caSettings(this.directory));
  }

  /** A certificate that this authority has signed. */
  issue(options: CertificateOptions = {}): Certificate {
    this.#made += 1;
    const base = this.#path(`issued-${this.#made}`);
    const [certPath, keyPath, requestPath] = [`${base}.pem`, `${base}.key`, `${base}.csr`];
    const names = options.names ?? ['DNS:localhost', 'IP:127.0.0.1'];
    const subject = ['-subj', `/CN=test ${this.#made}`];
    const extension = ['-addext', `subjectAltName=${names.join(',')}`];
    const request = ['-keyout', keyPath, '-out', requestPath];
    this.#openssl('req', ...newKey, ...request, ...subject, ...extension);
    const dates =
      options.isExpired === true
        ? ['-startdate', '20200101000000Z', '-enddate', '20200102000000Z']
        : ['-days', '2'];
    const files = ['-cert', this.certPath, '-keyfile', this.#path('ca.key')];
    const signing = ['-batch', '-notext', '-config', this.#path('ca.cnf'), ...files];
    this.#openssl('ca', ...signing, '-in', requestPath, '-out', certPath, ...dates);
    const [cert, key] = [certPath, keyPath].map((file) => fs.readFileSync(file, 'utf8'));
    return { cert: cert ?? '', key: key ?? '', certPath, keyPath };
  }

  [Symbol.dispose](): void {
    fs.rmSync(this.directory, { recursive: true, force: true });
  }

  #path(name: string): string {
    return path.join(this.directory, name);
  }

  #openssl(...args: string[]): void {
    execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  }
}

/** `openssl ca` can set both dates, which `openssl x509` cannot before version 3.4. */
function caSettings(directory: string): string {
  return [
    '[ca]',
    'default_ca=this',
    '[this]',
    `database=${directory}/index.txt`,
    `new_certs_dir=${directory}/issued`,
    'default_md=sha256',
    'policy=names',
    'copy_extensions=copy',
    'rand_serial=yes',
    'unique_subject=no',
    '[names]',
    'commonName=supplied',
    '',
  ].join('\n');
}
