/**
 * Creates and enables the plugin in the local engine, as `holdfast` or under the name in NAME.
 * One of ours that is already there is upgraded in place and keeps its settings. It is never
 * removed to make room: that would delete its write-ahead log with the logs in it.
 */
import path from 'node:path';
import { buildPlugin } from './build-plugin.ts';
import { findPlugin, isOurs, type PluginInfo } from './lib/plugins.ts';
import { Registry } from './lib/registry.ts';
import { run, tryRun } from './lib/run.ts';

const out = path.resolve(import.meta.dirname, '../plugin');
const { NAME: name = 'holdfast', LOKI_URL: lokiUrl = '' } = process.env;
const say = (text: string): void => console.log(`install: ${text}`);

/** Runs the docker command. */
async function docker(...args: string[]): Promise<void> {
  await run('docker', args);
}

/** Sets the endpoint that the environment names, if any, and starts the plugin. */
async function enable(): Promise<void> {
  if (lokiUrl !== '') await docker('plugin', 'set', name, `LOKI_URL=${lokiUrl}`);
  // Without a timeout: `docker logs -f` would be cut after 30 seconds otherwise.
  await docker('plugin', 'enable', '--timeout', '0', name);
}

async function create(): Promise<void> {
  await buildPlugin({ out, log: say });
  say('creating the plugin');
  await docker('plugin', 'create', name, out);
  await enable();
}

/** Puts the new version under the running plugin, from a registry that lives as long as that. */
async function upgrade(existing: PluginInfo): Promise<void> {
  const registry = new Registry();
  try {
    await startRegistry(registry);
    await buildPlugin({ out, log: say });
    const reference = `${registry.address}/holdfast:${Date.now()}`;
    say('handing the new version to the engine');
    await docker('plugin', 'create', reference, out);
    try {
      await docker('plugin', 'push', reference);
    } finally {
      await docker('plugin', 'rm', reference);
    }
    say(`upgrading '${name}'; running containers go on, their logs wait in the pipes`);
    if (existing.Enabled) await docker('plugin', 'disable', '--force', name);
    try {
      const args = ['--grant-all-permissions', '--skip-remote-check', name, reference];
      await docker('plugin', 'upgrade', ...args);
    } finally {
      // Also when the upgrade failed: then the old version goes on.
      await enable();
    }
  } finally {
    await registry.stop();
  }
}

async function startRegistry(registry: Registry): Promise<void> {
  if ((await tryRun('docker-registry', ['--version']).catch(() => undefined))?.status === 0) {
    return registry.start();
  }
  throw new Error(`a plugin '${name}' is already there. Its write-ahead log holds what is not yet
delivered, and 'docker plugin rm' would delete it. To upgrade it in place, install Debian's package
docker-registry and run this again, or publish this version (make push REGISTRY=host/name:tag) and:
  docker plugin disable -f ${name} && docker plugin upgrade ${name} host/name:tag && docker plugin enable --timeout 0 ${name}`);
}

async function main(): Promise<void> {
  const existing = await findPlugin(name);
  if (existing !== undefined && !isOurs(existing)) {
    throw new Error(`a plugin '${name}' that is not this one is already there. Install under another
name (make install NAME=holdfast-2), or see with 'docker plugin inspect ${name}' whether it can go.`);
  }
  await (existing === undefined ? create() : upgrade(existing));
  say(`done. Try:
  docker run --log-driver ${name} --log-opt loki-url=http://HOST:3100 IMAGE
or set an endpoint for all containers:
  docker plugin disable -f ${name} && docker plugin set ${name} LOKI_URL=http://HOST:3100 && docker plugin enable --timeout 0 ${name}`);
}

try {
  await main();
} catch (error) {
  console.error(`install: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
