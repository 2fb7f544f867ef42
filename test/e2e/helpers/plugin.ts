/**
 * The real plugin in a private engine: built once for all test files, created, enabled,
 * killed, upgraded. What a test starts here it ends through `Engine.dispose`.
 */
import { setTimeout } from 'node:timers/promises';
import Docker from 'dockerode';
import { builtPlugin } from '../../../scripts/lib/built-plugin.ts';
import type { Engine } from '../../../scripts/lib/engine.ts';
import {
  dialedAgeMs,
  findPluginProcess,
  pluginAccepts,
  processAgeMs,
} from '../../../scripts/lib/plugin-process.ts';
import type { PluginInfo } from '../../../scripts/lib/plugins.ts';
import { namesUnder, readIfThere } from './files.ts';

export { builtPlugin };

/** One plugin in one engine. */
export class Plugin {
  readonly name: string;
  /** How often dockerd gave it up and `restarted` enabled it again. */
  givenUp = 0;
  readonly #engine: Engine;
  /** The process that `started` returned last, and how old it was then at most. */
  #accepted = { pid: 0, ageMs: 0 };

  constructor(engine: Engine, name = 'holdfast') {
    this.#engine = engine;
    this.name = name;
  }

  /**
   * Creates and enables the plugin with these settings. What is delivered goes at once, unless
   * they say otherwise, so that a test can wait for it.
   */
  async create(settings: Record<string, string>, directory?: string): Promise<void> {
    await this.#engine.docker('plugin', 'create', this.name, directory ?? (await builtPlugin()));
    await this.set({ HISTORY_MAX_AGE: '0s', ...settings });
    await this.enable();
  }

  /** Changes settings; the plugin must be disabled. */
  async set(settings: Record<string, string>): Promise<void> {
    const pairs = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
    if (pairs.length > 0) await this.#engine.docker('plugin', 'set', this.name, ...pairs);
  }

  /**
   * Also right after dockerd gave the plugin up: for a moment the old one is in the way then.
   * The timeout is that of dockerd for an answer of the plugin; 0 is none.
   */
  async enable(timeoutSeconds = 0): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      const args = ['plugin', 'enable', '--timeout', String(timeoutSeconds), this.name];
      const { status, stderr } = await this.#engine.tryDocker(...args);
      // dockerd may have said no and have brought it up all the same, when the old one went.
      if (status === 0 || stderr.includes('already enabled')) return;
      if (attempt === 20 || !stderr.includes('id already in use')) throw new Error(stderr);
      await setTimeout(250);
    }
  }

  async disable(): Promise<void> {
    await this.#engine.docker('plugin', 'disable', '-f', this.name);
  }

  async info(): Promise<PluginInfo> {
    const api = new Docker({ socketPath: this.#engine.socketPath });
    return (await api.getPlugin(this.name, '').inspect()) as PluginInfo;
  }

  /** The host's path of what the plugin sees as /run/docker/logging. */
  async statePath(): Promise<string> {
    const { Id: id } = await this.info();
    return `${this.#engine.directory}/data/plugins/${id}/propagated-mount`;
  }

  /** Names of the containers that the log still keeps something of. */
  async keptContainers(): Promise<string[]> {
    const root = `${await this.statePath()}/wal/c`;
    const records = namesUnder(root).filter((path) => path.endsWith('meta.json'));
    return records.flatMap((path) => {
      const text = readIfThere(`${root}/${path}`);
      if (text === undefined) return [];
      return [(JSON.parse(text.toString()) as { containerName: string }).containerName];
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

  /** Kills the plugin, if it runs; dockerd starts it again by itself. */
  kill(pid: number): void {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
    }
  }

  /** Waits until dockerd has looked whether a new process of the plugin lives. */
  async dialed(pid: number): Promise<void> {
    const acceptedAgeMs = pid === this.#accepted.pid ? this.#accepted.ageMs : 0;
    while (processAgeMs(pid) < dialedAgeMs(acceptedAgeMs)) await setTimeout(20);
  }

  /**
   * Waits until the plugin runs again after a process of it was killed. On a machine that is slow
   * dockerd may have looked later than `dialed` thinks, and gives the plugin up: then it is enabled
   * again, as people would do, which `givenUp` counts.
   */
  async restarted(killed: number): Promise<number> {
    for (let wait = 0; wait < 3000; wait += 1) {
      const next = await this.pid();
      if (next !== undefined && next !== killed) break;
      if (!(await this.info()).Enabled) {
        this.givenUp += 1;
        await this.enable();
        break;
      }
      await setTimeout(10);
    }
    return this.started(killed);
  }

  /** Kills every process of the plugin as soon as it is seen, until dockerd gives the plugin up. */
  async killUntilGivenUp(): Promise<void> {
    for (let wait = 0; wait < 3000; wait += 1) {
      const pid = await this.pid();
      if (pid !== undefined) this.kill(pid);
      if (!(await this.info()).Enabled) return;
      await setTimeout(10);
    }
    throw new Error('dockerd keeps the plugin enabled');
  }

  /** Waits until a process of the plugin runs that is not `other`, and its socket accepts. */
  async started(other?: number): Promise<number> {
    const { Id: id } = await this.info();
    for (let wait = 0; wait < 3000; wait += 1) {
      const pid = findPluginProcess(id);
      if (pid !== undefined && pid !== other && (await pluginAccepts(pid))) {
        if (pid !== this.#accepted.pid) this.#accepted = { pid, ageMs: processAgeMs(pid) };
        return pid;
      }
      await setTimeout(10);
    }
    throw new Error(`the plugin does not come back:\n${this.#engine.log.slice(-3000)}`);
  }
}
