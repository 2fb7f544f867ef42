/**
 * The plugin, built once for the same sources: tests and the demo share the result under
 * build/. What is there is whole, because a build gets its name only when it is done.
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { buildPlugin } from '../build-plugin.ts';

const top = path.resolve(import.meta.dirname, '../..');

const buildAgeMsMax = 3_600_000;

/** Builds the plugin unless the same sources were built before. Returns its directory. */
export async function builtPlugin(
  options: { main?: string; version?: string } = {},
): Promise<string> {
  const out = `${top}/build/plugin-${sourceDigest(JSON.stringify(options))}`;
  if (fs.existsSync(`${out}/config.json`)) return out;
  removeOldBuilds(`${top}/build`);
  const unfinished = `${out}.${process.pid}`;
  try {
    await buildPlugin({ out: unfinished, ...options });
    fs.renameSync(unfinished, out);
  } catch (error) {
    fs.rmSync(unfinished, { recursive: true, force: true });
    // Another process may have built the same in the meantime.
    if (!fs.existsSync(`${out}/config.json`)) throw error;
  }
  return out;
}

/** Each build takes 150 MB: those that nobody made within the last hour go. */
function removeOldBuilds(directory: string): void {
  fs.mkdirSync(directory, { recursive: true });
  for (const name of fs.readdirSync(directory)) {
    const path = `${directory}/${name}`;
    const ageMs = Date.now() - (fs.statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0);
    if (name.startsWith('plugin-') && ageMs > buildAgeMsMax) {
      fs.rmSync(path, { recursive: true, force: true });
    }
  }
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
