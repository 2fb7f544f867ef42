/**
 * Builds what `docker plugin create` takes: config.json and a root file system with the pinned
 * Node, the bundled program, its native modules, the libraries they name, and nothing else.
 *
 *   node scripts/build-plugin.ts [--out plugin] [--main src/main.ts] [--version TEXT]
 */
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { run } from './lib/run.ts';

const top = path.resolve(import.meta.dirname, '..');
const nativePackages = ['snappy', 'zstd-napi'];
/** What dockerd mounts over, and what programs expect to be there. */
const emptyDirectories = [
  'run/docker/plugins',
  'run/docker/logging',
  'files',
  'etc',
  'proc',
  'sys',
  'dev',
  'tmp',
];

/** What to build. */
export interface BuildOptions {
  /** Directory for config.json and rootfs; replaced. */
  out: string;
  /** Entry of the main thread; the other threads are built only beside the driver's own. */
  main?: string;
  /** Told in the plugin's description, to tell two builds apart. */
  version?: string;
  log?: (text: string) => void;
}

/** Builds the plugin. */
export async function buildPlugin(options: BuildOptions): Promise<void> {
  const log = options.log ?? (() => {});
  const root = `${options.out}/rootfs`;
  fs.rmSync(`${options.out}/config.json`, { force: true });
  fs.rmSync(root, { recursive: true, force: true });
  for (const name of emptyDirectories) fs.mkdirSync(`${root}/${name}`, { recursive: true });
  log('bundling');
  await bundle(root, options.main);
  log('copying Node and the native modules');
  const node = fs.realpathSync(path.join(top, 'node_modules/node/bin/node'));
  const binaries = [copyInto(root, node, 'node')];
  for (const name of nativePackages) binaries.push(...copyNativePackage(root, name));
  log('copying the libraries that they name');
  await copyLibraries(root, binaries);
  setModes(root);
  // Last, because its presence tells that the build is whole.
  writeConfig(options);
}

async function bundle(root: string, main: string | undefined): Promise<void> {
  const entryPoints = [main ?? `${top}/src/main.ts`];
  if (main === undefined) {
    for (const name of ['history', 'sealer', 'shipper']) {
      entryPoints.push(`${top}/src/threads/${name}.worker.ts`);
    }
  }
  await build({
    // Names in the output are relative to this, whatever directory the build is started from.
    absWorkingDir: top,
    entryPoints,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    outdir: `${root}/app`,
    entryNames: '[name]',
    external: nativePackages,
    legalComments: 'none',
    // The text of a bundle stays in memory, once a thread. Names stay, for what a failure prints.
    minifyWhitespace: true,
    minifySyntax: true,
    logLevel: 'error',
    // CommonJS packages inside the bundle call `require` for Node's own modules.
    banner: {
      js: "import { createRequire as requireFor } from 'node:module'; const require = requireFor(import.meta.url);",
    },
  });
  fs.writeFileSync(`${root}/app/package.json`, '{"type":"module"}\n');
  for (const name of fs.readdirSync(`${root}/app`)) checkAscii(`${root}/app/${name}`);
}

/**
 * One character beyond Latin-1 doubles what a bundle takes in memory. esbuild escapes all but those in
 * literals of regular expressions: there they have to be written as escapes.
 */
function checkAscii(file: string): void {
  const bytes = fs.readFileSync(file);
  const at = bytes.findIndex((byte) => byte > 0x7f);
  if (at < 0) return;
  const near = bytes.toString('utf8', Math.max(0, at - 40), at + 20);
  throw new Error(
    `${file} is not ASCII: write the character in ${JSON.stringify(near)} as an escape`,
  );
}

/** Copies one file and returns its source path. */
function copyInto(root: string, source: string, name: string): string {
  fs.mkdirSync(path.dirname(`${root}/${name}`), { recursive: true });
  fs.copyFileSync(source, `${root}/${name}`);
  return source;
}

/** Copies a package with the one for this platform. Returns its binaries' source paths. */
function copyNativePackage(root: string, name: string): string[] {
  const resolve = createRequire(`${top}/package.json`).resolve;
  const manifestPath = resolve(`${name}/package.json`);
  const manifest = JSON.parse(fs.readFileSync(manifestPath, 'utf8')) as {
    optionalDependencies?: Record<string, string>;
  };
  const platforms = Object.keys(manifest.optionalDependencies ?? {}).filter((other) =>
    fs.existsSync(`${top}/node_modules/${other}`),
  );
  const binaries: string[] = [];
  for (const copied of [name, ...platforms]) {
    const from = `${top}/node_modules/${copied}`;
    for (const file of fs.readdirSync(from, { recursive: true, encoding: 'utf8' })) {
      if (!/\.(js|cjs|mjs|json|node)$/.test(file) || /browser|obj\.target/.test(file)) continue;
      copyInto(root, `${from}/${file}`, `app/node_modules/${copied}/${file}`);
      if (file.endsWith('.node')) binaries.push(`${from}/${file}`);
    }
  }
  return binaries;
}

/** Copies the loader and the shared libraries of all binaries to where the loader looks. */
async function copyLibraries(root: string, binaries: readonly string[]): Promise<void> {
  const libraries = new Set<string>();
  for (const binary of binaries) {
    for (const line of (await run('ldd', [binary])).split('\n')) {
      const found = /(?:=> )?(\/\S+) \(0x/.exec(line)?.[1];
      if (found !== undefined) libraries.add(found);
    }
  }
  if (libraries.size === 0) throw new Error('ldd named no library; is this a glibc system?');
  for (const library of libraries) copyInto(root, fs.realpathSync(library), library);
}

/** Gives all files fixed modes: the umask of whoever builds must not matter to who runs it. */
function setModes(root: string): void {
  for (const name of ['.', ...fs.readdirSync(root, { recursive: true, encoding: 'utf8' })]) {
    const file = `${root}/${name}`;
    const isText = /\.(c?js|mjs|json)$/.test(name) && fs.statSync(file).isFile();
    fs.chmodSync(file, isText ? 0o644 : 0o755);
  }
}

function writeConfig(options: BuildOptions): void {
  const config = JSON.parse(fs.readFileSync(`${top}/config.json`, 'utf8')) as Record<
    string,
    unknown
  >;
  if (options.version !== undefined) {
    config['description'] = `${String(config['description'])} (${options.version})`;
  }
  fs.writeFileSync(`${options.out}/config.json`, `${JSON.stringify(config, null, 2)}\n`);
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      out: { type: 'string', default: `${top}/plugin` },
      main: { type: 'string' },
      version: { type: 'string' },
    },
  });
  const { out, main, version } = values;
  await buildPlugin({
    out: path.resolve(out),
    ...(main === undefined ? {} : { main: path.resolve(main) }),
    ...(version === undefined ? {} : { version }),
    log: (text) => console.log(`plugin: ${text}`),
  });
  console.log(`plugin: ready in ${out}; next: docker plugin create NAME ${out}`);
}
