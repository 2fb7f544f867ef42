/** A container image out of this machine's busybox: nothing is pulled, no network is needed. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { run } from './run.ts';

/** Where Debian's busybox and busybox-static put it. */
export const busyboxPath = '/bin/busybox';
/** Programs of the image, all of them one busybox. */
const applets = [
  'awk',
  'cat',
  'date',
  'dd',
  'echo',
  'env',
  'head',
  'ls',
  'printf',
  'seq',
  'sh',
  'sleep',
  'tr',
  'true',
  'usleep',
  'yes',
];

/** Makes the image in the engine that `env` names. */
export async function importBusyboxImage(name: string, env: NodeJS.ProcessEnv): Promise<void> {
  const directory = fs.mkdtempSync(`${os.tmpdir()}/hf-image-`);
  try {
    const root = `${directory}/root`;
    fs.mkdirSync(`${root}/bin`, { recursive: true });
    fs.copyFileSync(busyboxPath, `${root}${busyboxPath}`);
    fs.chmodSync(`${root}${busyboxPath}`, 0o755);
    for (const applet of applets) fs.symlinkSync('busybox', `${root}/bin/${applet}`);
    await copyLibraries(root);
    const archive = `${directory}/image.tar`;
    await run('tar', ['-cf', archive, '-C', root, '.']);
    await run('docker', ['import', archive, name], { env });
  } finally {
    fs.rmSync(directory, { recursive: true, force: true });
  }
}

/** What a busybox that is not static needs; for a static one ldd fails and names nothing. */
async function copyLibraries(root: string): Promise<void> {
  const named = await run('ldd', [busyboxPath]).catch(() => '');
  for (const [, library] of named.matchAll(/(?:=> )?(\/\S+) \(0x/g)) {
    if (library === undefined) continue;
    fs.mkdirSync(path.dirname(`${root}${library}`), { recursive: true });
    fs.copyFileSync(fs.realpathSync(library), `${root}${library}`);
  }
}
