/**
 * The engine that the demo runs on: the machine's own if one answers, else a private one. From
 * the machine's own everything goes again that the demo brought, and nothing else.
 */
import fs from 'node:fs';
import { Engine } from '../lib/engine.ts';
import { type RunResult, run, tryRun } from '../lib/run.ts';
import { busyboxPath, importBusyboxImage } from '../lib/test-image.ts';

/** Image of the demo's containers. */
export const demoImage = 'holdfast-demo';
/** Every container of the demo has this label. */
export const demoLabel = 'holdfast.demo';
/** Name of the plugin, as users have it. */
export const pluginName = 'holdfast';

const engineMsMax = 10_000;
const removalMsMax = 20_000;
const pulledImage = 'busybox:stable';

/** What the demo needs of an engine. */
export interface DemoEngine {
  readonly isPrivate: boolean;
  /** What the docker command needs to find it. */
  readonly env: NodeJS.ProcessEnv;
  /** Runs the docker command; throws when it fails. */
  docker(...args: string[]): Promise<string>;
  /** Removes all that the demo made in it, and a private one itself. */
  dispose(): Promise<void>;
}

/** Whether the engine answers that the docker command finds by itself. */
export async function answersEngine(): Promise<boolean> {
  return tryRun('docker', ['version'], { timeoutMs: engineMsMax }).then(
    ({ status }) => status === 0,
    () => false,
  );
}

/** Starts a private engine; the caller has seen to a network namespace. */
export async function startPrivateEngine(): Promise<DemoEngine> {
  const engine = new Engine();
  try {
    await engine.start();
    await importBusyboxImage(demoImage, engine.env);
  } catch (error) {
    await engine.dispose();
    throw error;
  }
  return {
    isPrivate: true,
    env: engine.env,
    docker: async (...args) => engine.docker(...args),
    dispose: async () => engine.dispose(),
  };
}

/** Takes the machine's own engine, which must not have a plugin `holdfast` that is not the demo's. */
export async function takeSystemEngine(): Promise<DemoEngine> {
  const { env } = process;
  const docker = async (...args: string[]): Promise<string> =>
    (await run('docker', args, { env })).trim();
  await refuseForeignPlugin(docker);
  await removeFromSystem();
  if (fs.existsSync(busyboxPath)) {
    await importBusyboxImage(demoImage, env);
  } else {
    await docker('pull', '--quiet', pulledImage);
    await docker('tag', pulledImage, demoImage);
  }
  return { isPrivate: false, env, docker, dispose: removeFromSystem };
}

/** The run that a plugin belongs to, as its settings say; undefined for one that is not ours. */
function runOfPlugin(env: readonly string[]): { pid: number } | undefined {
  const run = /[=,]demo_run=(\d+)-/.exec(env.find((pair) => pair.startsWith('LOKI_EXT')) ?? '');
  return run?.[1] === undefined ? undefined : { pid: Number(run[1]) };
}

async function refuseForeignPlugin(docker: DemoEngine['docker']): Promise<void> {
  const names = (await docker('plugin', 'ls', '--format', '{{.Name}}')).split('\n');
  if (!names.some((name) => name === pluginName || name === `${pluginName}:latest`)) return;
  const settings = await docker('plugin', 'inspect', '-f', '{{json .Settings.Env}}', pluginName);
  const run = runOfPlugin((JSON.parse(settings) ?? []) as string[]);
  if (run === undefined) {
    throw new Error(
      `this engine already has a plugin '${pluginName}' that the demo did not make. It may hold logs
that are not delivered yet, so the demo leaves it alone and stops. To run the demo, either
  - take a private engine beside this one: node_modules/.bin/node scripts/demo.ts --private
  - or, if nobody needs that plugin and its logs: docker plugin rm -f ${pluginName}`,
    );
  }
  if (isDemoProcess(run.pid)) {
    throw new Error(`another demo runs on this engine; to end it: kill ${run.pid}`);
  }
}

function isDemoProcess(pid: number): boolean {
  try {
    return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('scripts/demo.ts');
  } catch {
    return false;
  }
}

/** Removes what a demo made, this one or one that was killed; what is not there is no failure. */
async function removeFromSystem(): Promise<void> {
  const attempt = async (...args: string[]): Promise<RunResult> =>
    tryRun('docker', args, { timeoutMs: removalMsMax });
  const found = await attempt('ps', '-aq', '--filter', `label=${demoLabel}`);
  const ids = found.stdout.split('\n').filter(Boolean);
  if (ids.length > 0) await attempt('rm', '-f', ...ids);
  await attempt('plugin', 'disable', '-f', pluginName);
  await attempt('plugin', 'rm', '-f', pluginName);
  await attempt('image', 'rm', '-f', demoImage);
}
