/**
 * Secrets planted in every place where one can be given to a whole driver, whose endpoints give
 * back what they hear: none is in its output, its metrics or its files, but for those of log-opts
 * in the container's own record, which nobody else may read.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { DriverProcess } from '../helpers/driver-process.ts';
import { numberedFrames } from '../helpers/frames.ts';
import { metricsPage } from '../helpers/loss-account.ts';

/** Given as log-opts: these must outlive a restart. */
const ofLogOpts = {
  password: 'PLANTED-1 pass/w+rd',
  userinfo: 'PLANTED-2-userinfo',
  token: 'PLANTED-3-token',
  header: 'PLANTED-4-header',
  key: 'PLANTED-5-key',
};
/** Given as plugin settings or in files: these are kept nowhere. */
const ofSettings = { token: 'PLANTED-6-env', proxy: 'PLANTED-7-proxy', wide: 'PLANTED-8-wide' };
const ofFile = 'PLANTED-9-file';
const lines = 300;

function formsOf(secret: string): string[] {
  const basic = Buffer.from(`me:${secret}`).toString('base64');
  return [secret, encodeURIComponent(secret), basic, Buffer.from(secret).toString('base64')];
}

/** Paths of all files below, and of the directories themselves. */
function pathsUnder(root: string): string[] {
  const names = fs.readdirSync(root, { recursive: true, encoding: 'utf8' });
  return [root, ...names.map((name) => `${root}/${name}`)];
}

function assertNone(text: string, secrets: readonly string[], where: string): void {
  for (const form of secrets.flatMap(formsOf)) {
    const at = text.indexOf(form);
    const around = text.slice(Math.max(0, at - 150), at + 150);
    assert.ok(at < 0, `'${form}' in ${where}: …${around}…`);
  }
}

describe('secrets in a whole driver', () => {
  /** Gives back the head of each request, until it takes them: 401, 400, then 204. */
  let status = 401;
  const statuses: number[] = [];
  const server = http.createServer((request, response) => {
    const { authorization = '' } = request.headers;
    const decoded = Buffer.from(authorization.split(' ').at(-1) ?? '', 'base64').toString('latin1');
    const heard = `you said ${JSON.stringify(request.headers)} ${decoded} ${request.url}`;
    request.resume().on('end', () => {
      response.statusCode = status;
      statuses.push(status);
      response.end(status === 204 ? undefined : heard);
    });
  });
  let port: number;
  let driver: DriverProcess;
  let metricsPath: string;
  let passwordFile: string;

  before(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
    const wide = `loki-header.X-Wide=${ofSettings.wide}`;
    driver = new DriverProcess({ LOG_LEVEL: 'trace', LOKI_MAX_BACKOFF: '200ms' });
    metricsPath = `${driver.directory}/metrics.sock`;
    passwordFile = `${driver.directory}/password`;
    fs.writeFileSync(passwordFile, `${ofFile}\n`, { mode: 0o600 });
    await driver.start({
      METRICS_ADDRESS: `unix:${metricsPath}`,
      HOLDFAST_OPTS: wide,
      LOKI_BEARER_TOKEN: ofSettings.token,
      HTTPS_PROXY: `http://me:${ofSettings.proxy}@127.0.0.1:9`,
      LOKI_MIN_BACKOFF: '50ms',
    });
  });

  after(async () => {
    await driver.dispose();
    server.closeAllConnections();
    server.close();
  });

  it('are told nobody, whatever an endpoint answers and wherever they come from', async () => {
    const told = [...Object.values(ofLogOpts), ...Object.values(ofSettings), ofFile];
    const url = `http://127.0.0.1:${port}`;
    const { containerId, fifo } = await driver.startContainer('planted', {
      'loki-url.basic': url,
      'loki-username.basic': 'me',
      'loki-password.basic': ofLogOpts.password,
      'loki-url.info': `http://me:${ofLogOpts.userinfo}@127.0.0.1:${port}/loki/api/v1/push`,
      'loki-url.token': `http://localhost:${port}`,
      'loki-bearer-token.token': ofLogOpts.token,
      'loki-url.headed': `http://localhost:${port}/loki/api/v1/push`,
      'loki-header.X-Key.headed': ofLogOpts.header,
      'loki-url.proxied': 'https://loki.invalid',
      'loki-url.filed': `http://127.0.0.1:${port}/`,
      'loki-username.filed': 'me',
      'loki-password-file.filed': passwordFile,
    });
    await fifo.write(numberedFrames('n ', 1, lines));
    await driver.until('all have been asked', () => statuses.length >= 5);
    const wrong = { 'loki-url': url, 'loki-tls-cert': 'x', 'loki-tls-key': ofLogOpts.key };
    await assert.rejects(driver.startContainer('wrong', wrong), (error: Error) => {
      assertNone(error.message, told, 'an error');
      return true;
    });
    const { output } = driver;
    assert.match(output, /401.*you said/);
    assertNone(output, told, 'the output');
    let metrics = '';
    // The threads report once in a while.
    for (let wait = 0; wait < 200 && !metrics.includes('endpoint="basic"'); wait += 1) {
      await setTimeout(50);
      metrics = await metricsPage({ socketPath: metricsPath });
    }
    assert.match(metrics, /endpoint="basic"/);
    assertNone(metrics, told, 'the metrics');
    assertFiles(containerId);

    // What is refused is kept with the words of the answer.
    status = 400;
    const isRefused = (name: string): boolean => refusedBy(name).length === lines;
    const all = ['basic', 'info', 'token', 'headed', 'filed'];
    await driver.until('all have refused it', () => all.every(isRefused), 60_000);
    for (const name of all) assert.match(refusedBy(name)[0] ?? '', /you said .*\*\*\*/);
    assertFiles(containerId);

    status = 204;
    await fifo.write(numberedFrames('n ', lines + 1, 2 * lines));
    const isTaken = (): boolean => statuses.filter((each) => each === 204).length >= all.length;
    await driver.until('all have been given it', isTaken, 30_000);
    await driver.stopContainer(fifo);
    await driver.kill('SIGTERM');
    assertNone(driver.output, told, 'the output');
    assertFiles(containerId);
  });

  /** What is kept of an endpoint's refusals, as it stands in the files. */
  function refusedBy(name: string): string[] {
    const directory = `${driver.walDir}/rejected`;
    if (!fs.existsSync(directory)) return [];
    const texts = fs.readdirSync(directory).map((file) => `${directory}/${file}`);
    return texts
      .flatMap((path) => fs.readFileSync(path, 'utf8').split('\n'))
      .filter((line) => line.includes(`"endpoint":"${name}"`));
  }

  function assertFiles(containerId: string): void {
    const kept = [...Object.values(ofSettings), ofFile];
    for (const path of pathsUnder(driver.walDir)) {
      const stat = fs.lstatSync(path);
      assert.equal(stat.mode & 0o077, 0, `${path} is ${(stat.mode & 0o777).toString(8)}`);
      if (!stat.isFile()) continue;
      const text = fs.readFileSync(path, 'latin1');
      assertNone(text, kept, path);
      const isOwnRecord = path.endsWith(`${containerId}/meta.json`);
      if (!isOwnRecord) assertNone(text, Object.values(ofLogOpts), path);
    }
  }
});
