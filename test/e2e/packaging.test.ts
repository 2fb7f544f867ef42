/**
 * What the plugin is made of, with the smallest program that is a logging plugin: that the
 * root file system has all it needs and nothing else, that it starts at once, and that it can
 * be published, installed and upgraded.
 */
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import { after, before, describe, it } from 'node:test';
import { Engine } from '../../scripts/lib/engine.ts';
import { Registry } from '../../scripts/lib/registry.ts';
import { run } from '../../scripts/lib/run.ts';
import { printLines, runArgs } from './helpers/containers.ts';
import { builtPlugin, Plugin } from './helpers/plugin.ts';

const top = `${import.meta.dirname}/../..`;
const rootfsBytesMax = 200e6;
const startMsMax = 1000;

describe('the plugin as a package', () => {
  const engine = new Engine();
  const registry = new Registry();
  const floor = new Plugin(engine, 'floor');
  let directory: string;
  let rootfs: string;

  before(async () => {
    directory = await builtPlugin({ main: `${top}/bench/discard-plugin/main.ts` });
    rootfs = `${directory}/rootfs`;
    await registry.start();
    await engine.start();
    await engine.importTestImage();
    await engine.docker('plugin', 'create', 'floor', directory);
  });

  after(async () => {
    await engine.dispose();
    await registry.stop();
  });

  it('holds Node, the program, its native modules, their libraries, and nothing else', () => {
    const allowed = [
      /^node$/,
      /^app\/(main\.js|package\.json)$/,
      /^app\/node_modules\/.+\.(js|cjs|mjs|json|node)$/,
      /^(usr\/)?lib(32|64)?\/.*\.so(\.\d+)*$/,
    ];
    let bytes = 0;
    const surplus: string[] = [];
    for (const name of filesUnder(rootfs)) {
      bytes += fs.lstatSync(`${rootfs}/${name}`).size;
      if (!allowed.some((pattern) => pattern.test(name))) surplus.push(name);
    }
    assert.deepEqual(surplus, []);
    assert.ok(bytes < rootfsBytesMax, `the root file system has ${bytes} bytes`);
  });

  it('holds the delivery thread beside the main one when it is the driver', async () => {
    const driver = await builtPlugin();
    const app = fs.readdirSync(`${driver}/rootfs/app`).sort();
    const expected = ['main.js', 'node_modules', 'package.json', 'shipper.worker.js'];
    assert.deepEqual(app, expected);
  });

  it('carries the Node that the tests run on, which loads every native module in there', async () => {
    const modules = filesUnder(rootfs).filter((name) => name.endsWith('.node'));
    assert.ok(modules.length > 0);
    const program = `
      for (const name of ${JSON.stringify(modules)}) process.dlopen({ exports: {} }, '/' + name);
      process.stdout.write(process.version);`;
    assert.equal(await run('chroot', [rootfs, '/node', '-e', program]), process.version);
  });

  it('resolves names of the hosts file and of name servers', async () => {
    const server = await startNameServer('192.0.2.7');
    const etc = fs.mkdtempSync(`${engine.directory}/etc-`);
    fs.writeFileSync(`${etc}/hosts`, '192.0.2.8 of-hosts.test\n');
    fs.writeFileSync(`${etc}/resolv.conf`, 'nameserver 127.0.0.1\n');
    const program = `
      const { lookup } = require('node:dns').promises;
      const all = ['of-hosts.test', 'of-server.test'].map((name) => lookup(name, { family: 4 }));
      Promise.all(all).then((found) => console.log(found.map((one) => one.address).join()));`;
    // As dockerd does: it mounts the host's two files into the plugin, and nothing else.
    const mounted = 'mount --bind "$1" "$2/etc" && exec chroot "$2" /node -e "$3"';
    const args = ['--mount', '--', 'sh', '-c', mounted, 'sh', etc, rootfs, program];
    try {
      assert.equal((await run('unshare', args)).trim(), '192.0.2.8,192.0.2.7');
    } finally {
      server.close();
    }
  });

  it('starts in less than a second', async () => {
    const startedMs = performance.now();
    const enabled = floor.enable();
    await floor.started();
    const tookMs = performance.now() - startedMs;
    await enabled;
    assert.ok(tookMs < startMsMax, `the socket accepts after ${tookMs} ms`);
  });

  it('takes 1,000,000 lines of 100 bytes', async () => {
    const args = runArgs('million', { driver: 'floor' });
    await engine.docker(...args, ...printLines('n ', 1_000_000));
    assert.equal(await engine.docker('wait', 'million'), '0');
    await engine.docker('rm', 'million');
  });

  it('asks for no privilege but the network of the host, and keeps settings over an upgrade', async () => {
    const references = [1, 2].map((version) => `${registry.address}/holdfast/floor:${version}`);
    for (const reference of references) {
      const main = `${top}/bench/discard-plugin/main.ts`;
      const built = await builtPlugin({ main, version: reference.slice(-1) });
      await engine.docker('plugin', 'create', reference, built);
      await engine.docker('plugin', 'push', reference);
      await engine.docker('plugin', 'rm', reference);
    }
    const [first = '', second = ''] = references;
    assert.deepEqual(await privilegesOf(engine, first), [{ Name: 'network', Value: ['host'] }]);

    const other = new Plugin(engine, 'other');
    const grant = '--grant-all-permissions';
    const install = ['plugin', 'install', grant, '--alias', 'other', first];
    await engine.docker(...install, 'LOKI_URL=http://192.0.2.1:3100');
    await other.started();
    fs.writeFileSync(`${await other.statePath()}/kept`, 'a log');
    await other.disable();
    await engine.docker('plugin', 'upgrade', grant, '--skip-remote-check', 'other', second);
    await other.enable();
    await other.started();
    assert.match((await other.info()).Config.Description, /\(2\)$/);
    const env = await engine.docker('plugin', 'inspect', '-f', '{{.Settings.Env}}', 'other');
    assert.match(env, /LOKI_URL=http:\/\/192\.0\.2\.1:3100/);
    assert.equal(fs.readFileSync(`${await other.statePath()}/kept`, 'utf8'), 'a log');
  });
});

/** Paths of all files, relative to a directory. */
function filesUnder(directory: string): string[] {
  return fs
    .readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => !fs.lstatSync(`${directory}/${name}`).isDirectory());
}

/** What a user is asked to grant when installing a plugin from a registry. */
async function privilegesOf(engine: Engine, reference: string): Promise<unknown> {
  const path = `/plugins/privileges?remote=${encodeURIComponent(reference)}`;
  const request = http.get({ socketPath: engine.socketPath, path });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  const body = Buffer.concat((await response.toArray()) as Buffer[]).toString();
  const granted = JSON.parse(body) as { Name: string; Value: string[] }[];
  return granted.map(({ Name, Value }) => ({ Name, Value }));
}

/** A name server that gives every name one address. */
async function startNameServer(address: string): Promise<dgram.Socket> {
  const server = dgram.createSocket('udp4');
  server.on('message', (query, from) => {
    // The question ends behind the name's closing zero byte, a type and a class.
    const question = query.subarray(12, query.indexOf(0, 12) + 5);
    const isIpv4 = question.readUInt16BE(question.length - 4) === 1;
    const header = Buffer.from([0, 0, 0x81, 0x80, 0, 1, 0, isIpv4 ? 1 : 0, 0, 0, 0, 0]);
    query.copy(header, 0, 0, 2);
    const data = Buffer.from(address.split('.').map(Number));
    const answer = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...data]);
    const parts = isIpv4 ? [header, question, answer] : [header, question];
    server.send(Buffer.concat(parts), from.port, from.address);
  });
  server.bind(53, '127.0.0.1');
  await once(server, 'listening');
  return server;
}
