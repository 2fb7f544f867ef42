/**
 * What the plugin is made of, first with the smallest program that is a logging plugin, then
 * with the driver as users get it: that the root file system has all it needs and nothing
 * else, that it starts at once and asks for no privilege, and that it can be published,
 * installed and upgraded with the commands of the Makefile.
 */
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Engine } from '../../scripts/lib/engine.ts';
import { processAgeMs } from '../../scripts/lib/plugin-process.ts';
import { Registry } from '../../scripts/lib/registry.ts';
import { type RunResult, run, tryRun } from '../../scripts/lib/run.ts';
import { containerOptions, pluginOptions } from '../../src/config/options.ts';
import { LokiDouble } from '../helpers/loki-double/loki-double.ts';
import { printLines, runArgs, runToEnd } from './helpers/containers.ts';
import { builtPlugin, Plugin } from './helpers/plugin.ts';

const top = path.resolve(import.meta.dirname, '../..');
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

  // The best of three: how long the engine and the machine take is not the driver's.
  it('starts in less than a second', async () => {
    const tookMs: number[] = [];
    for (let round = 0; round < 3; round += 1) {
      if (round > 0) await floor.disable();
      const enabled = floor.enable();
      tookMs.push(processAgeMs(await floor.started()));
      await enabled;
    }
    assert.ok(Math.min(...tookMs) < startMsMax, `the socket accepts after ${tookMs.join()} ms`);
  });

  it('takes 1,000,000 lines of 100 bytes', async () => {
    const args = runArgs('million', { driver: 'floor' });
    await engine.docker(...args, ...printLines('n ', 1_000_000));
    assert.equal(await engine.docker('wait', 'million'), '0');
    await engine.docker('rm', 'million');
  });

  it('asks for the network of the host and one mount, and keeps settings over an upgrade', async () => {
    const references = [1, 2].map((version) => `${registry.address}/holdfast/floor:${version}`);
    for (const reference of references) {
      const main = `${top}/bench/discard-plugin/main.ts`;
      const built = await builtPlugin({ main, version: reference.slice(-1) });
      await engine.docker('plugin', 'create', reference, built);
      await engine.docker('plugin', 'push', reference);
      await engine.docker('plugin', 'rm', reference);
    }
    const [first = '', second = ''] = references;
    assert.deepEqual(await privilegesOf(engine, first), privileges);

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

describe('the driver as a package', () => {
  const engine = new Engine();
  const registry = new Registry();
  const loki = new LokiDouble();
  const plugin = new Plugin(engine);
  let tree: string;
  let reference: string;

  before(async () => {
    await loki.start();
    await registry.start();
    await engine.start();
    await engine.importTestImage();
    tree = copyOfTree(`${engine.directory}/tree`);
    reference = `${registry.address}/logs/holdfast:1.2.3`;
  });

  after(async () => {
    await engine.dispose();
    await registry.stop();
    await loki.stop();
  });

  /** Runs one of the scripts as `make` does, against the private engine. */
  async function runScript(
    name: string,
    args: string[] = [],
    env: NodeJS.ProcessEnv = {},
  ): Promise<RunResult> {
    const options = { env: { ...engine.env, ...env }, cwd: tree };
    return tryRun(process.execPath, [`scripts/${name}`, ...args], options);
  }

  /** Runs a container that logs through the plugin and checks that all of it arrives. */
  async function assertDelivers(name: string): Promise<void> {
    await runToEnd(engine, name, printLines('n ', 1000));
    await loki.waitFor((double) => double.count({ container_name: name }) >= 1000, 20_000);
    const report = loki.checkNumbered({ container_name: name }, 'n ', 1000);
    assert.ok(report.ok, report.summary);
    await engine.docker('rm', name);
  }

  it('holds Node, its four bundles, two native modules, their libraries, and nothing else', async () => {
    const directory = await builtPlugin();
    assert.deepEqual(fs.readdirSync(directory).sort(), ['config.json', 'rootfs']);
    const rootfs = `${directory}/rootfs`;
    const allowed = [
      /^node$/,
      /^app\/(main\.js|(history|sealer|shipper)\.worker\.js|package\.json)$/,
      /^app\/node_modules\/(snappy|@napi-rs\/snappy-linux-\w+-gnu)\/[\w.-]+\.(js|cjs|mjs|json|node)$/,
      /^app\/node_modules\/zstd-napi\/((dist\/)?\w+\.js|package\.json|build\/Release\/binding\.node)$/,
      /^lib(64)?\/([\w-]+-linux-gnu\/)?(lib[a-z_+]+|ld-linux-[\w-]+)\.so\.\d+$/,
    ];
    const isAllowed = (name: string): boolean => allowed.some((pattern) => pattern.test(name));
    const files = filesUnder(rootfs);
    assert.deepEqual(
      files.filter((name) => !isAllowed(name)),
      [],
    );
    const bundles = ['main.js', 'history.worker.js', 'sealer.worker.js', 'shipper.worker.js'];
    for (const name of ['node', 'app/package.json', ...bundles.map((file) => `app/${file}`)]) {
      assert.ok(files.includes(name), `${name} is missing`);
    }
    // What dockerd mounts over, and nothing else that is empty.
    const empty = directoriesUnder(rootfs).filter(
      (name) => fs.readdirSync(`${rootfs}/${name}`).length === 0,
    );
    const expected = [
      'dev',
      'etc',
      'files',
      'proc',
      'run/docker/logging',
      'run/docker/plugins',
      'sys',
      'tmp',
    ];
    assert.deepEqual(empty.sort(), expected);
    for (const name of bundles) {
      assert.doesNotMatch(fs.readFileSync(`${rootfs}/app/${name}`, 'utf8'), /['"]node:test['"]/);
    }
  });

  it('is published by `make push`, which leaves nothing behind in the engine', async () => {
    const pushed = await runScript('push-plugin.ts', [reference]);
    assert.equal(pushed.status, 0, pushed.stderr);
    assert.match(pushed.stdout, new RegExp(`docker plugin install --alias holdfast ${reference}`));
    assert.equal(await engine.docker('plugin', 'ls', '-q'), '');
    const nowhere = await runScript('push-plugin.ts', ['holdfast']);
    assert.equal(nowhere.status, 1);
    assert.match(nowhere.stderr, /make push REGISTRY=host\/name:tag/);
  });

  it('asks for the network of the host, one mount, and no other privilege', async () => {
    assert.deepEqual(await privilegesOf(engine, reference), privileges);
  });

  it('is installed from a registry, with its endpoint, and delivers', async () => {
    const install = ['plugin', 'install', '--grant-all-permissions', '--alias', 'holdfast'];
    await engine.docker(...install, reference, `LOKI_URL=${loki.url}`);
    await plugin.started();
    await assertDelivers('from-registry');
  });

  it('has one mount, read-only, and no device, capability or namespace of the host but the network', async () => {
    const { Config: config } = await inspect(engine);
    assert.deepEqual(config['Network'], { Type: 'host' });
    assert.equal(config['PropagatedMount'], '/run/docker/logging');
    const [mount, ...others] = config['Mounts'] as Record<string, unknown>[];
    assert.deepEqual(others, []);
    const { Source: from, Destination: to, Options: options, Settable: settable } = mount ?? {};
    assert.deepEqual(
      [from, to, options, settable],
      ['/usr', '/files', ['rbind', 'ro'], ['source']],
    );
    assert.deepEqual(config['Linux'], { AllowAllDevices: false, Capabilities: [], Devices: null });
    assert.equal(config['PidHost'], false);
    assert.equal(config['IpcHost'], false);
    const { Types: types, Socket: socket } = config['Interface'] as Record<string, unknown>;
    assert.deepEqual(types, ['docker.logdriver/1.0']);
    assert.equal(socket, 'holdfast.sock');
  });

  it('runs with the capabilities that the engine gives to any container', async () => {
    const pid = await plugin.started();
    const asContainer = runArgs('capable', { driver: 'none' });
    // With -d a container's output is nowhere to be had without a log; so it waits to be looked at.
    const id = await engine.docker(...asContainer, 'sleep', '600');
    const containerPid = await engine.docker('inspect', '-f', '{{.State.Pid}}', id);
    assert.deepEqual(capabilitiesOf(pid), capabilitiesOf(Number(containerPid)));
    await engine.docker('rm', '-f', 'capable');
  });

  it('lets every documented setting be set, and no other', async () => {
    const { walDir: _, ...settable } = pluginOptions;
    const options = [...Object.values(containerOptions), ...Object.values(settable)];
    // One setting may stand for several log-opts.
    const documented = [...new Set(options.map(({ env }) => env))].sort();
    const { Config: config } = await inspect(engine);
    const declared = config['Env'] as { Name: string; Settable: string[] | null }[];
    assert.deepEqual(declared.map(({ Name: name }) => name).sort(), documented);
    for (const { Name: name, Settable: settable } of declared) {
      assert.deepEqual(settable, ['value'], name);
    }
    await plugin.disable();
    const settings = Object.fromEntries(documented.map((name) => [name, `a ${name}`]));
    await plugin.set(settings);
    const set = (await inspect(engine)).Settings.Env.toSorted();
    assert.deepEqual(
      set,
      documented.map((name) => `${name}=a ${name}`),
    );
    const wrong = await engine.tryDocker('plugin', 'set', 'holdfast', 'LOKI_URI=http://host');
    assert.notEqual(wrong.status, 0);
    await engine.docker('plugin', 'rm', 'holdfast');
  });

  it('is installed by `make install`, which sets the endpoint, and delivers', async () => {
    const installed = await runScript('install-plugin.ts', [], { LOKI_URL: loki.url });
    assert.equal(installed.status, 0, installed.stderr);
    await plugin.started();
    await assertDelivers('installed');
  });

  it('is not removed by a second `make install`, and upgraded only where nothing is lost', async () => {
    const { Id: id } = await plugin.info();
    fs.writeFileSync(`${await plugin.statePath()}/kept`, 'a log');
    const pid = await plugin.started();

    // Without a registry there is no upgrade in place.
    const bare = fs.mkdtempSync(`${engine.directory}/path-`);
    fs.symlinkSync((await run('which', ['docker'])).trim(), `${bare}/docker`);
    const refused = await runScript('install-plugin.ts', [], { PATH: bare });
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, /a plugin 'holdfast' is already there/);
    assert.match(refused.stderr, /docker plugin upgrade holdfast/);
    assert.equal(await plugin.pid(), pid, 'the plugin was not touched');

    const upgraded = await runScript('install-plugin.ts');
    assert.equal(upgraded.status, 0, upgraded.stderr);
    await plugin.started(pid);
    assert.equal((await plugin.info()).Id, id);
    assert.equal(fs.readFileSync(`${await plugin.statePath()}/kept`, 'utf8'), 'a log');
    assert.ok((await inspect(engine)).Settings.Env.includes(`LOKI_URL=${loki.url}`));
    await assertDelivers('upgraded');
    await engine.docker('plugin', 'rm', '-f', 'holdfast');
  });

  it('leaves a plugin of the same name alone that is not ours', async () => {
    const foreign = `${engine.directory}/foreign`;
    fs.cpSync(await builtPlugin(), foreign, { recursive: true });
    const config = JSON.parse(fs.readFileSync(`${foreign}/config.json`, 'utf8')) as {
      interface: { socket: string };
    };
    config.interface.socket = 'loki.sock';
    fs.writeFileSync(`${foreign}/config.json`, JSON.stringify(config));
    await engine.docker('plugin', 'create', 'holdfast', foreign);
    const { Id: id } = await plugin.info();
    const refused = await runScript('install-plugin.ts');
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, /a plugin 'holdfast' that is not this one is already there/);
    const info = await plugin.info();
    assert.deepEqual([info.Id, info.Enabled], [id, false]);
  });
});

/** What a script needs of this tree, so that the one that somebody works in stays as it is. */
function copyOfTree(to: string): string {
  fs.mkdirSync(to);
  for (const name of ['package.json', 'package-lock.json', 'config.json', 'src', 'scripts']) {
    fs.cpSync(`${top}/${name}`, `${to}/${name}`, { recursive: true });
  }
  fs.symlinkSync(fs.realpathSync(`${top}/node_modules`), `${to}/node_modules`);
  return to;
}

/** What `docker plugin inspect` says of the plugin `holdfast`. */
async function inspect(engine: Engine): Promise<{
  Config: Record<string, unknown>;
  Settings: { Env: string[] };
}> {
  const text = await engine.docker('plugin', 'inspect', 'holdfast');
  const [info] = JSON.parse(text) as Awaited<ReturnType<typeof inspect>>[];
  if (info === undefined) throw new Error('there is no plugin holdfast');
  return info;
}

/** The capability sets of a process, as the kernel tells them. */
function capabilitiesOf(pid: number): string[] {
  const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
  const sets = status.split('\n').filter((line) => /^Cap(Inh|Prm|Eff|Bnd|Amb):/.test(line));
  assert.equal(sets.length, 5);
  return sets;
}

/** Paths of all directories, relative to a directory. */
function directoriesUnder(directory: string): string[] {
  return fs
    .readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => fs.lstatSync(`${directory}/${name}`).isDirectory());
}

/** Paths of all files, relative to a directory. */
function filesUnder(directory: string): string[] {
  return fs
    .readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => !fs.lstatSync(`${directory}/${name}`).isDirectory());
}

/** What our plugin asks for. */
const privileges = [
  { Name: 'network', Value: ['host'] },
  { Name: 'mount', Value: ['/usr'] },
];

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
