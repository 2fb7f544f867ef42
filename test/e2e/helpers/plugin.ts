/**
 * The real plugin in a private engine: built once for all test files, created, enabled,
 * killed, upgraded. What a test starts here it ends through `Engine.dispose`.
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
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

  /** Process id of the plugin's Node, or undefined while none runs. */
  async pid(): Promise<number | undefined> {
    const { Id: id } = await this.info();
    return findPluginProcess(id);
  }

  /** Kills the plugin; dockerd starts it again by itself. Returns false when none ran. */
  kill(pid: number): void {
    process.kill(pid, 'SIGKILL');
  }

  /** Waits until a process of the plugin runs that is not `other`, and its socket accepts. */
  async started(other?: number): Promise<number> {
    const { Id: id } = await this.info();
    const socketPath = `${this.#engine.directory}/exec/plugins/${id}/holdfast.sock`;
    for (let wait = 0; wait < 3000; wait += 1) {
      const pid = findPluginProcess(id);
      if (pid !== undefined && pid !== other && isListening(pid, socketPath)) return pid;
      await setTimeout(10);
    }
    throw new Error(`the plugin does not come back:\n${this.#engine.log.slice(-3000)}`);
  }
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

/** Whether the process has bound its plugin socket: the newest listener is in its own view. */
function isListening(pid: number, socketPath: string): boolean {
  if (!fs.existsSync(socketPath)) return false;
  try {
    const sockets = fs.readFileSync(`/proc/${pid}/net/unix`, 'utf8');
    const inodes = new Set(
      sockets
        .split('\n')
        .filter((line) => line.endsWith('/run/docker/plugins/holdfast.sock'))
        .map((line) => line.trim().split(/\s+/)[6]),
    );
    return fs
      .readdirSync(`/proc/${pid}/fd`)
      .some((fd) =>
        inodes.has(/socket:\[(\d+)\]/.exec(fs.readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1]),
      );
  } catch {
    return false;
  }
}
