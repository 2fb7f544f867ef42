/**
 * Creates and enables the plugin as `holdfast` in the local engine. An older one of ours is
 * never removed to make room: that would delete its write-ahead log with the logs in it.
 */
import path from 'node:path';
import { buildPlugin } from './build-plugin.ts';
import { findPlugin, isOurs } from './lib/plugins.ts';
import { run } from './lib/run.ts';

const name = 'holdfast';
const out = path.resolve(import.meta.dirname, '../plugin');

const existing = await findPlugin(name);
if (existing !== undefined) {
  console.error(
    isOurs(existing)
      ? `install: a plugin '${name}' is already there. Its write-ahead log holds what is not yet
delivered, and 'docker plugin rm' deletes it. To change its version, publish this one
(make push REGISTRY=host/holdfast:tag) and run, with no container restarted and nothing lost:
  docker plugin disable -f ${name} && docker plugin upgrade ${name} host/holdfast:tag && docker plugin enable ${name}`
      : `install: a plugin '${name}' that is not this one is already there; remove or rename it first.`,
  );
  process.exit(1);
}
await buildPlugin({ out, log: (text) => console.log(`install: ${text}`) });
console.log('install: creating the plugin');
await run('docker', ['plugin', 'create', name, out]);
const { LOKI_URL: lokiUrl } = process.env;
if (lokiUrl) await run('docker', ['plugin', 'set', name, `LOKI_URL=${lokiUrl}`]);
// Without a timeout: `docker logs -f` would be cut after 30 seconds otherwise.
await run('docker', ['plugin', 'enable', '--timeout', '0', name]);
console.log(`install: done. Try:
  docker run --log-driver ${name} --log-opt loki-url=http://HOST:3100 IMAGE
or set an endpoint for all containers:
  docker plugin disable -f ${name} && docker plugin set ${name} LOKI_URL=http://HOST:3100 && docker plugin enable --timeout 0 ${name}`);
