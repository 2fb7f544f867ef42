/** Builds the plugin and publishes it in a registry: `make push REGISTRY=host/name:tag`. */
import path from 'node:path';
import { buildPlugin } from './build-plugin.ts';
import { findPlugin } from './lib/plugins.ts';
import { run } from './lib/run.ts';

const reference = process.argv[2] ?? '';
if (!/^[\w.-]+(:\d+)?(\/[\w.-]+)+:[\w.-]+$/.test(reference)) {
  console.error('push: say where to: make push REGISTRY=host/name:tag');
  process.exit(1);
}
if ((await findPlugin(reference)) !== undefined) {
  console.error(
    `push: the local engine has a plugin '${reference}' in use; publish under another tag.`,
  );
  process.exit(1);
}
const out = path.resolve(import.meta.dirname, '../plugin');
await buildPlugin({ out, version: reference, log: (text) => console.log(`push: ${text}`) });
await run('docker', ['plugin', 'create', reference, out]);
try {
  await run('docker', ['plugin', 'push', reference], { isShown: true });
} finally {
  // Only a copy for the push; it was never enabled, so no log goes with it.
  await run('docker', ['plugin', 'rm', reference]);
}
console.log(`push: done. On each host: docker plugin install --alias holdfast ${reference}`);
