/**
 * The rules of the tree that no linter knows: which room may import which, which file is the
 * one door to a package, how long a file may be, what must be written down. Every message says
 * what is allowed. The rules themselves are tested at the end, each on a planted violation.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';

const top = path.resolve(import.meta.dirname, '..');

/** A room may import itself, `base`, and what stands here; nobody may import `main.ts`. */
const allowedRooms: Record<string, readonly string[]> = {
  base: [],
  template: [],
  frame: [],
  regex: [],
  pipeline: ['regex', 'template'],
  wal: [],
  encode: [],
  rejected: [],
  sink: ['encode'],
  retention: [],
  capture: ['frame', 'retention', 'wal'],
  shipper: ['encode', 'frame', 'pipeline', 'rejected', 'sink', 'wal'],
  config: ['pipeline', 'regex'],
  metrics: [],
  history: ['frame', 'wal'],
  driver: ['capture', 'config', 'pipeline', 'wal'],
  threads: ['history', 'pipeline', 'rejected', 'shipper', 'sink', 'wal'],
  // Of driver, only what `onlyPartOf` allows.
  cli: [
    ...['config', 'driver', 'frame', 'history', 'pipeline'],
    ...['rejected', 'shipper', 'sink', 'wal'],
  ],
  'engine.ts': ['capture', 'config', 'driver', 'metrics', 'shipper', 'threads', 'wal'],
  'main.ts': ['config', 'driver', 'engine.ts'],
};

/** Which files of `src` may import a package. A package that is not here has no door at all. */
const doors: Record<string, readonly string[]> = {
  '@grpc/grpc-js': ['src/sink/loki-grpc.ts'],
  commander: ['src/cli/program.ts'],
  'cli-progress': ['src/cli/drain-progress.ts'],
  dockerode: ['src/cli/find-wal.ts'],
  express: ['src/driver/server.ts'],
  undici: ['src/sink/loki-http.ts'],
  jmespath: ['src/pipeline/stages/jmespath.ts'],
  re2js: ['src/regex/go-regex.ts'],
  snappy: ['src/encode/snappy.ts'],
  yaml: ['src/pipeline/config-node.ts'],
  pino: ['src/base/log.ts'],
  'prom-client': ['src/metrics/registry.ts'],
  'zstd-napi/binding.js': ['src/wal/zstd.ts'],
  zod: [
    'src/driver/wire.ts',
    'src/rejected/format.ts',
    'src/wal/container-record.ts',
    'src/wal/endpoint-registry.ts',
    'src/wal/meta-record.ts',
    'src/wal/observed-clock.ts',
  ],
  'node:ffi': ['src/base/mapped-file.ts'],
  'node:worker_threads': [
    'src/threads/delivery-thread.ts',
    'src/threads/history.ts',
    'src/threads/history.worker.ts',
    'src/threads/sealer.worker.ts',
    'src/threads/sealing.ts',
    'src/threads/shipper.worker.ts',
  ],
};

/** The one file of `driver` that the command line may know: how a delivery is planned. */
const onlyPartOf = { from: 'cli', room: 'driver', file: 'src/driver/delivery-plan.ts' };

/** Rooms that are entered through their index only. */
const roomsWithIndex = ['retention', 'wal'];

const linesMax = { src: 400, scripts: 400, bench: 400, test: 600 };

interface SourceFile {
  /** From the top of the repository, with slashes. */
  path: string;
  text: string;
}

function filesUnder(folder: string, ending: RegExp): SourceFile[] {
  const at = path.join(top, folder);
  if (!fs.existsSync(at)) return [];
  return fs
    .readdirSync(at, { recursive: true, encoding: 'utf8' })
    .map((name) => path.posix.join(folder, name.replaceAll(path.sep, '/')))
    .filter((name) => ending.test(name) && fs.statSync(path.join(top, name)).isFile())
    .sort()
    .map(readSource);
}

function readSource(name: string): SourceFile {
  return { path: name, text: fs.readFileSync(path.join(top, name), 'utf8') };
}

/** What a file imports, as written; re-exports and dynamic imports count. */
function importsOf({ text }: SourceFile): string[] {
  const patterns = [
    /^(?:import|export)\b[^;'"]*?\bfrom\s+['"]([^'"]+)['"]/gm,
    /^import\s+['"]([^'"]+)['"]/gm,
    /\bimport\(\s*['"]([^'"]+)['"]/g,
    /\bgetBuiltinModule\(\s*['"]([^'"]+)['"]/g,
  ];
  return patterns.flatMap((pattern) => [...text.matchAll(pattern)].map((match) => match[1] ?? ''));
}

/** The files of the repository that a file imports. */
function localImportsOf(file: SourceFile): string[] {
  const folder = path.posix.dirname(file.path);
  return importsOf(file)
    .filter((name) => name.startsWith('.'))
    .map((name) => path.posix.join(folder, name));
}

/** The room of a file of `src`: its folder, or its name where it has none. */
function roomOf(name: string): string {
  return name.split('/')[1] ?? '';
}

function wrongRooms(files: readonly SourceFile[]): string[] {
  const problems: string[] = [];
  for (const file of files) {
    const from = roomOf(file.path);
    const allowed = allowedRooms[from];
    if (allowed === undefined) {
      problems.push(`${file.path}: the room '${from}' is not in the table of test/tidy.test.ts`);
      continue;
    }
    for (const target of localImportsOf(file)) {
      const to = roomOf(target);
      if (to === from || to === 'base' || allowed.includes(to)) continue;
      const list = ['base', ...allowed].join(', ');
      problems.push(`${file.path}: imports ${target}; '${from}' may import ${list}`);
    }
  }
  return problems;
}

function passedIndexes(files: readonly SourceFile[]): string[] {
  return files.flatMap((file) =>
    localImportsOf(file)
      .filter((target) => roomsWithIndex.includes(roomOf(target)))
      .filter((target) => roomOf(target) !== roomOf(file.path) && !target.endsWith('/index.ts'))
      .map((target) => `${file.path}: imports ${target}; allowed is the room's index.ts`),
  );
}

function wrongParts(files: readonly SourceFile[]): string[] {
  const { from, room, file: allowed } = onlyPartOf;
  return files
    .filter((file) => roomOf(file.path) === from)
    .flatMap((file) =>
      localImportsOf(file)
        .filter((target) => roomOf(target) === room && target !== allowed)
        .map((target) => `${file.path}: imports ${target}; of '${room}' it may know ${allowed}`),
    );
}

/** Files of the command line that end the process by themselves, but its entry. */
function wrongExits(files: readonly SourceFile[]): string[] {
  const others = files.filter(
    ({ path: name }) => roomOf(name) === 'cli' && name !== 'src/cli/main.ts',
  );
  return linesMatching(others, /\bprocess\.exit\b/, 'only src/cli/main.ts may end the process');
}

function wrongDoors(files: readonly SourceFile[]): string[] {
  const problems: string[] = [];
  for (const file of files) {
    for (const name of importsOf(file)) {
      if (name.startsWith('.')) continue;
      if (name.startsWith('node:') && doors[name] === undefined) continue;
      const allowed = doors[name] ?? [];
      if (allowed.includes(file.path)) continue;
      const where = allowed.length > 0 ? allowed.join(', ') : 'nowhere yet: add a door here';
      problems.push(`${file.path}: imports '${name}', which is allowed in ${where}`);
    }
  }
  return problems;
}

/** Every cycle among the files, told once, as the chain of its imports. Types count too. */
function cycles(files: readonly SourceFile[]): string[] {
  const graph = new Map(files.map((file) => [file.path, localImportsOf(file)]));
  const done = new Set<string>();
  const found: string[] = [];
  const visit = (name: string, chain: readonly string[]): void => {
    const at = chain.indexOf(name);
    if (at >= 0) {
      found.push(`import cycle: ${[...chain.slice(at), name].join(' -> ')}`);
      return;
    }
    if (done.has(name)) return;
    for (const next of graph.get(name) ?? []) visit(next, [...chain, name]);
    done.add(name);
  };
  for (const file of files) visit(file.path, []);
  return found;
}

function tooLong(files: readonly SourceFile[]): string[] {
  return files.flatMap(({ path: name, text }) => {
    const folder = name.split('/')[0] as keyof typeof linesMax;
    const lines = text.split('\n').length - 1;
    const max = linesMax[folder];
    return lines <= max ? [] : [`${name}: ${lines} lines; at most ${max} are allowed`];
  });
}

function withoutModuleComment(files: readonly SourceFile[]): string[] {
  return files
    .filter(({ text }) => !/^(#!.*\n)?\/\*\*/.test(text))
    .map(({ path: name }) => `${name}: does not begin with a comment that says what it is for`);
}

const exportPattern =
  /^export (?:declare |abstract |async |default )*(?:class|const|function\*?|interface|let|type|enum) (\w+)/;

/** Exports without a comment. One comment serves several one-line constants right under it. */
function withoutDoc(files: readonly SourceFile[]): string[] {
  const problems: string[] = [];
  for (const { path: name, text } of files) {
    const lines = text.split('\n');
    lines.forEach((line, index) => {
      const exported = exportPattern.exec(line)?.[1];
      if (exported === undefined) return;
      let above = index - 1;
      while (isOneLineExport(lines[above])) above -= 1;
      if (!(lines[above] ?? '').trimEnd().endsWith('*/')) {
        problems.push(`${name}:${index + 1}: the export '${exported}' has no doc comment`);
      }
    });
  }
  return problems;
}

function isOneLineExport(line: string | undefined): boolean {
  return line !== undefined && /^export (?:const|type) .*;$/.test(line);
}

const leftover = /\b(?:TODO|FIXME)\b/;

function leftovers(files: readonly SourceFile[]): string[] {
  return linesMatching(files, leftover, 'a note to oneself; do it, or open an issue');
}

const registryPattern =
  /\b(?:ghcr|quay|gcr|docker)\.io\/|\b(?:registry\.npmjs|registry-1\.docker|hub\.docker|index\.docker)\./i;

function registryMentions(files: readonly SourceFile[]): string[] {
  return linesMatching(files, registryPattern, "a registry's host name; write HOST/holdfast:TAG");
}

const focused = /\.(?:only|skip)\(/;

/** Tests that are left out, or leave all others out, and do not say why on the same line. */
function unexplainedSkips(files: readonly SourceFile[]): string[] {
  return linesMatching(files, focused, 'a test left out without a reason').filter(
    (problem) => !/\/\/ \S+/.test(problem),
  );
}

function linesMatching(files: readonly SourceFile[], pattern: RegExp, what: string): string[] {
  return files.flatMap(({ path: name, text }) =>
    text
      .split('\n')
      .flatMap((line, index) =>
        pattern.test(line) ? [`${name}:${index + 1}: ${what}: ${line.trim()}`] : [],
      ),
  );
}

/** Messages that the table of log lines in docs/operations.md quotes and no source holds. */
function unknownLogLines(document: string, files: readonly SourceFile[]): string[] {
  const table = /^## Log lines\n([\s\S]*?)^## /m.exec(document)?.[1] ?? '';
  const cells = [...table.matchAll(/^\| (`[^|]*`) \|/gm)].map((match) => match[1] ?? '');
  const quoted = cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map((m) => m[1] ?? ''));
  assert.ok(quoted.length > 10, 'docs/operations.md has no table of log lines');
  return quoted
    .filter((message) => !files.some(({ text }) => text.includes(`'${message}'`)))
    .map((message) => `docs/operations.md: nothing in src logs '${message}'`);
}

/** Fails with every problem on a line of its own. */
function assertNone(problems: readonly string[]): void {
  assert.equal(problems.length, 0, `\n${problems.join('\n')}`);
}

describe('the tree', () => {
  const src = filesUnder('src', /\.ts$/);
  const tools = [...filesUnder('scripts', /\.ts$/), ...filesUnder('bench', /\.ts$/)];
  const tests = filesUnder('test', /\.ts$/);
  const code = [...src, ...tools, ...tests];
  // This file says what it looks for.
  const others = code.filter((file) => file.path !== 'test/tidy.test.ts');
  const testFiles = others.filter((file) => file.path.endsWith('.test.ts'));
  const texts = [
    ...['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md', 'Makefile', 'config.json']
      .filter((name) => fs.existsSync(path.join(top, name)))
      .map(readSource),
    ...filesUnder('docs', /\.md$/),
    ...filesUnder('scripts', /\.sh$/),
  ];

  it('has sources', () => assert.ok(src.length > 20 && tests.length > 20));
  it('imports between rooms only as the table allows', () => assertNone(wrongRooms(src)));
  it('lets the command line know one file of the driver', () => assertNone(wrongParts(src)));
  it('ends the command line in one place', () => assertNone(wrongExits(src)));
  it('enters the log through wal/index.ts only', () => assertNone(passedIndexes(src)));
  it('has one door per package', () => assertNone(wrongDoors(src)));
  it('has no import cycle', () => assertNone(cycles(code)));
  it('keeps files short', () => assertNone(tooLong(code)));
  it('says at the top of each file what it is for', () =>
    assertNone(withoutModuleComment([...src, ...tools])));
  it('has a doc comment on each export of src', () => assertNone(withoutDoc(src)));
  it('has no notes to oneself', () => assertNone(leftovers([...others, ...texts])));
  it('explains only log lines that there are', () =>
    assertNone(unknownLogLines(readSource('docs/operations.md').text, src)));
  it('names no registry', () => assertNone(registryMentions([...others, ...texts])));
  it('leaves out no test without a reason', () => assertNone(unexplainedSkips(testFiles)));
});

describe('the rules find', () => {
  const file = (name: string, text: string): SourceFile => ({ path: name, text });

  it('an import upwards, and name what is allowed', () => {
    const bad = file('src/wal/x.ts', "import { a } from '../capture/fifo.ts';\n");
    assert.deepEqual(wrongRooms([bad]), [
      "src/wal/x.ts: imports src/capture/fifo.ts; 'wal' may import base",
    ]);
  });

  it('an import over several lines, a type import and a re-export', () => {
    const text = [
      'import {\n  a,\n  b,\n} from',
      'import type { a } from',
      'export { a } from',
      'import',
    ].map((start) => `${start} '../main.ts';\n`);
    for (const line of text) assert.equal(wrongRooms([file('src/sink/x.ts', line)]).length, 1);
  });

  it('a command that knows the plugin API, or ends the process', () => {
    const server = "import { a } from '../driver/server.ts';\n";
    assert.equal(wrongParts([file('src/cli/x.ts', server)]).length, 1);
    assert.deepEqual(wrongParts([file('src/threads/x.ts', server)]), []);
    assert.equal(wrongExits([file('src/cli/x.ts', 'process.exit(1);\n')]).length, 1);
    assert.deepEqual(wrongExits([file('src/cli/main.ts', 'process.exit(1);\n')]), []);
  });

  it('a room that nobody has put into the table', () => {
    assert.equal(wrongRooms([file('src/attic/x.ts', '')]).length, 1);
  });

  it('an import past an index, but not within the room', () => {
    const text = "import { a } from '../wal/format.ts';\n";
    assert.equal(passedIndexes([file('src/capture/x.ts', text)]).length, 1);
    const own = "import { a } from './format.ts';\n";
    assert.deepEqual(passedIndexes([file('src/wal/x.ts', own)]), []);
  });

  it('a package beside its door, and one without a door', () => {
    for (const name of ['undici', 'left-pad', 'node:worker_threads']) {
      const bad = file('src/driver/x.ts', `import { a } from '${name}';\n`);
      assert.equal(wrongDoors([bad]).length, 1);
    }
    assert.deepEqual(wrongDoors([file('src/driver/x.ts', "import fs from 'node:fs';\n")]), []);
  });

  it('a cycle of three files', () => {
    const link = (from: string, to: string): SourceFile =>
      file(`src/wal/${from}.ts`, `import { a } from './${to}.ts';\n`);
    const found = cycles([link('a', 'b'), link('b', 'c'), link('c', 'a')]);
    assert.deepEqual(found, [
      'import cycle: src/wal/a.ts -> src/wal/b.ts -> src/wal/c.ts -> src/wal/a.ts',
    ]);
  });

  it('a file that is too long', () => {
    assert.deepEqual(tooLong([file('src/wal/x.ts', '\n'.repeat(401))]), [
      'src/wal/x.ts: 401 lines; at most 400 are allowed',
    ]);
    assert.deepEqual(tooLong([file('test/x.test.ts', '\n'.repeat(600))]), []);
  });

  it('a missing module comment and a missing doc comment', () => {
    assert.equal(withoutModuleComment([file('src/wal/x.ts', 'import 1;')]).length, 1);
    const text =
      '/** Module. */\n\nexport const a = 1;\n\n/** Doc. */\nexport const b = 2;\nexport const c = 3;\n';
    assert.deepEqual(withoutDoc([file('src/wal/x.ts', text)]), [
      "src/wal/x.ts:3: the export 'a' has no doc comment",
    ]);
  });

  it('a note to oneself, a registry and a test left out', () => {
    const note = '// TODO: later\n';
    assert.equal(leftovers([file('src/wal/x.ts', note)]).length, 1);
    const host = 'docker plugin install quay.io/a/b\n';
    assert.equal(registryMentions([file('README.md', host)]).length, 1);
    const skipped = "it.skip('works', () => {});";
    assert.equal(unexplainedSkips([file('test/x.test.ts', skipped)]).length, 1);
    const explained = `${skipped} // needs a kernel that ours is not`;
    assert.deepEqual(unexplainedSkips([file('test/x.test.ts', explained)]), []);
  });
});
