/**
 * The real plugin in a private engine: built once for all test files, created, enabled,
 * killed, upgraded. What a test starts here it ends through `Engine.dispose`.
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { buildPlugin } from '../../../scripts/build-plugin.ts';
import type { Engine } from '../../../scripts/lib/engine.ts';
import type { PluginInfo } from '../../../scripts/lib/plugins.ts';

const top = path.resolve(import.meta.dirname, '../../..');

/** Builds the plugin unless the same sources were built before. Returns its directory. */
export async function builtPlugin(
  options: { main?: string; version?: string } = {},
): Promise<string> {
  const out = `${top}/build/plugin-${sourceDigest(JSON.stringify(options))}`;
  if (fs.existsSync(`${out}/config.json`)) return out;
  await buildPlugin({ out, ...options });
  return out;
}

/** A digest of everything that goes into the plugin. */
function sourceDigest(extra: string): string {
  const hash = createHash('sha256').update(extra);
  const files = ['config.json', 'package-lock.json', 'scripts/build-plugin.ts'];
  for (const folder of ['src', 'bench/discard-plugin']) {
    if (!fs.existsSync(`${top}/${folder}`)) continue;
    const found = fs.readdirSync(`${top}/${folder}`, { recursive: true, encoding: 'utf8' });
    files.push(...found.filter((name) => name.endsWith('.ts')).map((name) => `${folder}/${name}`));
  }
  for (const file of files.sort()) hash.update(file).update(fs.readFileSync(`${top}/${file}`));
  return hash.digest('hex').slice(0, 16);
}

/** One plugin in one engine. */
export class Plugin {
  readonly name: string;
  readonly #engine: Engine;

  constructor(engine: Engine, name = 'holdfast') {
    this.#engine = engine;
    this.name = name;
  }

  /** Creates and enables the plugin with these settings. */
  async create(settings: Record<string, string>, directory?: string): Promise<void> {
    await this.#engine.docker('plugin', 'create', this.name, directory ?? (await builtPlugin()));
    await this.set(settings);
    await this.enable();
  }

  /** Changes settings; the plugin must be disabled. */
  async set(settings: Record<string, string>): Promise<void> {
    const pairs = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
    if (pairs.length > 0) await this.#engine.docker('plugin', 'set', this.name, ...pairs);
  }

  async enable(): Promise<void> {
    await this.#engine.docker('plugin', 'enable', '--timeout', '0', this.name);
  }

  async disable(): Promise<void> {
    await this.#engine.docker('plugin', 'disable', '-f', this.name);
  }

  async info(): Promise<PluginInfo> {
    const text = await this.#engine.docker('plugin', 'inspect', this.name);
    const [info] = JSON.parse(text) as PluginInfo[];
    if (info === undefined) throw new Error(`no plugin ${this.name}`);
    return info;
  }

  /** The host's path of what the plugin sees as /run/docker/logging. */
  async statePath(): Promise<string> {
    const { Id: id } = await this.info();
    return `${this.#engine.directory}/data/plugins/${id}/propagated-mount`;
  }

  /** Names of the containers that the log still keeps something of. */
  async keptContainers(): Promise<string[]> {
    const root = `${await this.statePath()}/wal/c`;
    const records = fs
      .readdirSync(root, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('meta.json'));
    return records.map((path) => {
      const record = JSON.parse(fs.readFileSync(`${root}/${path}`, 'utf8')) as {
        containerName: string;
      };
      return record.containerName;
    });
  }

  /** Waits until nothing of a container is kept: then all of it is delivered. */
  async drained(containerName: string): Promise<void> {
    for (let wait = 0; wait < 1500; wait += 1) {
      if (!(await this.keptContainers()).includes(containerName)) return;
      await setTimeout(20);
    }
    throw new Error(`${containerName} is never delivered:\n${this.#engine.log.slice(-3000)}`);
  }

  /** Process id of the plugin's Node, or undefined while none runs. */
  async pid(): Promise<number | undefined> {
    const { Id: id } = await this.info();
    return findPluginProcess(id);
  }

  /** Kills the plugin; dockerd starts it again by itself. Returns false when none ran. */
  kill(pid: number): void {
    process.kill(pid, 'SIGKILL');
  }

  /** Waits until dockerd has looked whether a new process of the plugin lives. */
  async dialed(pid: number): Promise<void> {
    while (ageMs(pid) < 700) await setTimeout(20);
  }

  /** Waits until dockerd has given the plugin up. */
  async disabledByDockerd(): Promise<void> {
    for (let wait = 0; wait < 300; wait += 1) {
      if (!(await this.info()).Enabled) return;
      await setTimeout(100);
    }
    throw new Error('dockerd keeps the plugin enabled');
  }

  /** Waits until a process of the plugin runs that is not `other`, and its socket accepts. */
  async started(other?: number): Promise<number> {
    const { Id: id } = await this.info();
    for (let wait = 0; wait < 3000; wait += 1) {
      const pid = findPluginProcess(id);
      if (pid !== undefined && pid !== other && (await accepts(pid))) return pid;
      await setTimeout(10);
    }
    throw new Error(`the plugin does not come back:\n${this.#engine.log.slice(-3000)}`);
  }
}

/** Milliseconds since a process was started. */
function ageMs(pid: number): number {
  const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The 22nd field, counted behind the name, in hundredths of a second since boot.
  const startedTicks = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
  const uptimeSeconds = Number(fs.readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
  return uptimeSeconds * 1000 - startedTicks * 10;
}

/** The process whose control group or mounts name the plugin and which runs our program. */
function findPluginProcess(pluginId: string): number | undefined {
  for (const name of fs.readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const command = fs.readFileSync(`/proc/${name}/cmdline`, 'utf8');
      if (!command.startsWith('/node\0') || !command.includes('/app/main.js')) continue;
      const mounts = fs.readFileSync(`/proc/${name}/mountinfo`, 'utf8');
      if (mounts.includes(pluginId)) return Number(name);
    } catch {
      // The process ended while we looked.
    }
  }
  return undefined;
}

/** Whether the plugin's socket accepts; it is found through the process, wherever dockerd put it. */
async function accepts(pid: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(`/proc/${pid}/root/run/docker/plugins/holdfast.sock`);
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
