/**
 * A whole driver that ships in every way there is: over HTTP and gRPC, with TLS and through
 * proxies. Settings that are wrong cost time and no line, say what is wrong, and are mended by a
 * file that changes, by an endpoint that changes, or by the plugin's settings.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, afterEach, beforeEach, describe, it, type TestContext } from 'node:test';
import { Authority, type Certificate } from '../helpers/certificates.ts';
import { DriverProcess } from '../helpers/driver-process.ts';
import { numberedFrames } from '../helpers/frames.ts';
import type { DoubleTls } from '../helpers/loki-double/listener.ts';
import { LokiDouble, type StartOptions } from '../helpers/loki-double/loki-double.ts';
import { startProxy } from '../helpers/proxy-double.ts';

const lines = 2000;
const container = 'shipping';
/** What somebody has to mend is tried again after at least five seconds. */
const mendedMsMax = 40_000;

describe('a driver that ships in every way', () => {
  const authority = new Authority();
  const stranger = new Authority();
  let driver: DriverProcess;

  beforeEach(() => {
    driver = new DriverProcess();
  });

  afterEach(async () => {
    await driver.dispose();
  });

  after(() => {
    authority[Symbol.dispose]();
    stranger[Symbol.dispose]();
  });

  /** A double for HTTP and gRPC; each endpoint is a tenant of its own there. */
  async function startDouble(t: TestContext, tls?: DoubleTls): Promise<LokiDouble> {
    const double = new LokiDouble({ auth: true });
    await double.start({ grpcPort: 0, ...(tls && { tls }) });
    t.after(() => double.stop());
    return double;
  }

  function fileWith(name: string, text: string): string {
    const path = `${driver.directory}/${name}`;
    fs.writeFileSync(path, text);
    return path;
  }

  /** Every line once and in order for each of these tenants, and each was asked for by name. */
  async function expectWhole(double: LokiDouble, tenants: readonly string[]): Promise<void> {
    const isWhole = (tenant: string): boolean => double.count({}, { tenant }) === lines;
    await double
      .waitFor(() => tenants.every(isWhole), mendedMsMax)
      .catch((error: unknown) => {
        throw new Error(`${String(error)}\n${driver.output}`);
      });
    for (const tenant of tenants) {
      const by = { tenant, order: 'arrival' } as const;
      const report = double.checkNumbered({ container_name: container }, 'n ', lines, by);
      assert.ok(report.ok, `${tenant}: ${report.summary}`);
    }
  }

  it('delivers every line by each of them, also as JSON, with a client certificate, by proxy', async (t) => {
    const plain = await startDouble(t);
    const secure = await startDouble(
      t,
      authority.issue({ names: ['DNS:loki.test', 'IP:127.0.0.1'] }),
    );
    const client = authority.issue();
    const asking = await startDouble(t, { ...authority.issue(), clientCa: authority.cert });
    const proxy = await startProxy(t, { host: '127.0.0.1', credentials: 'me:p@ss' });
    const proxyUrl = `http://me:p%40ss@127.0.0.1:${proxy.port}`;
    await driver.start({ HTTP_PROXY: proxyUrl, HTTPS_PROXY: proxyUrl, NO_PROXY: 'direct.invalid' });
    const key = Buffer.from(client.key).toString('base64');
    const { fifo } = await driver.startContainer(container, {
      'loki-tls-ca-file': authority.certPath,
      ...endpoint('http', plain.url),
      ...endpoint('json', plain.url, { encoding: 'json' }),
      ...endpoint('grpc', plain.grpcUrl),
      ...endpoint('https', secure.url),
      ...endpoint('grpcs', secure.grpcUrl),
      ...endpoint('mutual', asking.url, { 'tls-cert': client.cert, 'tls-key': key }),
      ...endpoint('by-proxy', `http://loki.test:${plain.port}`),
      ...endpoint('tunnel', `https://loki.test:${secure.port}`),
    });
    await fifo.write(numberedFrames('n ', 1, lines));
    await expectWhole(plain, ['http', 'json', 'grpc', 'by-proxy']);
    await expectWhole(secure, ['https', 'grpcs', 'tunnel']);
    await expectWhole(asking, ['mutual']);
    assert.deepEqual(new Set(proxy.tunnels), new Set([`loki.test:${secure.port}`]));
    const forwarded = `http://loki.test:${plain.port}/loki/api/v1/push`;
    assert.deepEqual(new Set(proxy.forwarded), new Set([forwarded]));

    // Nobody knows the name, and the proxy must not be asked for it.
    const other = await driver.startContainer('direct', { 'loki-url': 'http://direct.invalid:1' });
    await other.fifo.write(numberedFrames('n ', 1, 1));
    await driver.until('it is looked for', () =>
      /cannot push to .*direct\.invalid/.test(driver.output),
    );
    assert.ok(![...proxy.forwarded, ...proxy.tunnels].join().includes('direct'));
  });

  it('says what is wrong with a certificate, loses nothing, and delivers all once it is right', async (t) => {
    const good = authority.issue();
    const unknown = await startDouble(t, good);
    const expired = await startDouble(t, authority.issue({ isExpired: true }));
    const misnamed = await startDouble(t, authority.issue({ names: ['DNS:loki.example'] }));
    const caPath = fileWith('ca.pem', stranger.cert);
    await driver.start();
    const { fifo, containerId } = await driver.startContainer(container, {
      'loki-tls-ca-file': authority.certPath,
      ...endpoint('unknown-https', unknown.url, { 'tls-ca-file': caPath }),
      ...endpoint('unknown-grpcs', unknown.grpcUrl, { 'tls-ca-file': caPath }),
      ...endpoint('expired-https', expired.url),
      ...endpoint('expired-grpcs', expired.grpcUrl),
      ...endpoint('misnamed-https', misnamed.url),
      ...endpoint('misnamed-grpcs', misnamed.grpcUrl),
    });
    await fifo.write(numberedFrames('n ', 1, lines));
    for (const scheme of ['https', 'grpcs']) {
      await expectError(`unknown-${scheme}`, /authority is not known here/);
      await expectError(`expired-${scheme}`, /the certificate has expired/);
      await expectError(`misnamed-${scheme}`, /another name.*loki-tls-server-name/);
    }
    await driver.stopContainer(fifo);
    for (const double of [unknown, expired, misnamed]) assert.equal(double.counts().requests, 0);
    assert.deepEqual(driver.containersOnDisk(), [containerId], 'what waits is kept');

    fs.writeFileSync(caPath, authority.cert);
    await restart(expired, good);
    await expectWhole(unknown, ['unknown-https', 'unknown-grpcs']);
    await expectWhole(expired, ['expired-https', 'expired-grpcs']);
    assert.deepEqual(driver.containersOnDisk(), [containerId]);

    await driver.kill('SIGTERM');
    const names = ['https', 'grpcs'].map(
      (scheme) => `loki-tls-server-name.misnamed-${scheme}=loki.example`,
    );
    await driver.start({ HOLDFAST_OPTS: names.join(';') });
    await expectWhole(misnamed, ['misnamed-https', 'misnamed-grpcs']);
    await driver.until('nothing is left', () => driver.containersOnDisk().length === 0);
    for (const double of [unknown, expired, misnamed]) {
      assert.equal(double.counts().duplicates, 0);
    }
  });

  /** An error of this endpoint says so, and none less than an error. */
  async function expectError(name: string, expected: RegExp): Promise<void> {
    await driver.until(`${name} says ${expected.source}`, () =>
      driver.output
        .split('\n')
        .filter((line) => line.includes('"level":"error"') && line.includes(`"endpoint":"${name}"`))
        .some((line) => expected.test(line) && line.includes('until its settings are mended')),
    );
  }
});

/** The log-opts of one endpoint, which is a tenant of its name. */
function endpoint(
  name: string,
  url: string,
  options: Record<string, string> = {},
): Record<string, string> {
  const all = { url, 'tenant-id': name, ...options };
  return Object.fromEntries(
    Object.entries(all).map(([option, value]) => [`loki-${option}.${name}`, value]),
  );
}

/** The same ports with another certificate. */
async function restart(double: LokiDouble, tls: Certificate): Promise<void> {
  const where: StartOptions = {
    port: double.port,
    grpcPort: Number(new URL(double.grpcUrl).port),
    tls,
  };
  await double.stop();
  await double.start(where);
}
