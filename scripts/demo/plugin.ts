/** The plugin of the demo: made, killed as a crash would, and looked into while it runs. */
import fs from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { builtPlugin } from '../lib/built-plugin.ts';
import {
  dialedAgeMs,
  findPluginProcess,
  pluginAccepts,
  processAgeMs,
} from '../lib/plugin-process.ts';
import { countWalLines } from '../lib/wal-lines.ts';
import { type DemoEngine, pluginName } from './engines.ts';

const restartMsMax = 30_000;

/** See the module comment. */
export class DemoPlugin {
  readonly id: string;
  /** The write-ahead log as the host sees it. */
  readonly walPath: string;
  readonly #signal: AbortSignal;
  /** The process whose socket was seen to accept, and how old it was then at most. */
  #accepted = { pid: 0, ageMs: 0 };

  private constructor(id: string, walPath: string, signal: AbortSignal) {
    this.id = id;
    this.walPath = walPath;
    this.#signal = signal;
  }

  /** Builds, creates and enables the plugin with these settings; waits until it accepts. */
  static async create(
    engine: DemoEngine,
    settings: Record<string, string>,
    signal: AbortSignal,
  ): Promise<DemoPlugin> {
    const directory = await builtPlugin();
    signal.throwIfAborted();
    await engine.docker('plugin', 'create', pluginName, directory);
    const pairs = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
    await engine.docker('plugin', 'set', pluginName, ...pairs);
    await engine.docker('plugin', 'enable', '--timeout', '0', pluginName);
    const id = await engine.docker('plugin', 'inspect', '-f', '{{.Id}}', pluginName);
    const root = await engine.docker('info', '-f', '{{.DockerRootDir}}');
    const state = `${root}/plugins/${id}/propagated-mount`;
    if (!fs.existsSync(state)) {
      throw new Error(`the engine's files are not on this machine (no ${state}); the demo needs them
to kill the plugin and to look into its log. Run it where the engine runs.`);
    }
    const plugin = new DemoPlugin(id, `${state}/wal`, signal);
    const pid = await plugin.started();
    // dockerd says that it is enabled only when it has found it listening.
    plugin.#accepted = { pid, ageMs: 0 };
    if (networkOf(pid) !== networkOf('self')) {
      throw new Error(
        'the engine has another network than this process; the plugin cannot reach it',
      );
    }
    return plugin;
  }

  /** Kills the plugin once dockerd would start it again. Returns milliseconds until it was back. */
  async kill(): Promise<number> {
    const pid = await this.started();
    while (processAgeMs(pid) < dialedAgeMs(this.#accepted.ageMs)) await this.#pause(20);
    process.kill(pid, 'SIGKILL');
    const startedMs = performance.now();
    await this.started(pid);
    return performance.now() - startedMs;
  }

  /** Waits until a process of the plugin that is not `other` accepts. Returns its id. */
  async started(other?: number): Promise<number> {
    const startedMs = performance.now();
    while (performance.now() - startedMs < restartMsMax) {
      const pid = findPluginProcess(this.id);
      if (pid !== undefined && pid !== other && (await pluginAccepts(pid))) {
        if (pid !== this.#accepted.pid) this.#accepted = { pid, ageMs: processAgeMs(pid) };
        return pid;
      }
      await this.#pause(10);
    }
    throw new Error('the plugin does not start; its messages are in the log of dockerd');
  }

  /** How many lines of a container are in the write-ahead log. */
  walLines(containerId: string): number {
    return countWalLines(this.walPath, containerId);
  }

  async #pause(ms: number): Promise<void> {
    await setTimeout(ms, undefined, { signal: this.#signal });
  }
}

function networkOf(pid: number | 'self'): string {
  return fs.readlinkSync(`/proc/${pid}/ns/net`);
}
