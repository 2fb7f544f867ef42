/**
 * Tests of the tests: each bug of plants.ts is put into a copy of the source, and the tests that
 * are named beside it must fail there. Without it they must pass, or failing would say nothing.
 * The working tree is never touched. Takes a few minutes.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { misfit, type Plant, plants } from './plants.ts';

const top = path.resolve(import.meta.dirname, '../..');
const copied = ['src', 'test', 'docs', 'package.json', 'tsconfig.json'];
/** A run that takes longer hangs, and a test that hangs has caught the bug. */
const hangMs = 120_000;
const atOnce = { concurrency: 2 };

/** How one process ended. */
interface Ended {
  isOk: boolean;
  isHung: boolean;
  output: string;
  seconds: number;
}

/** Runs node in `directory`; what it leaves in the temporary directory lies there, too. */
async function runNode(directory: string, parameters: readonly string[]): Promise<Ended> {
  const startedAtMs = performance.now();
  const env: NodeJS.ProcessEnv = { ...process.env, TMPDIR: `${directory}/tmp` };
  // With it, tests would report to a runner that is not there.
  delete env['NODE_TEST_CONTEXT'];
  const child = spawn(process.execPath, parameters, {
    cwd: directory,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: hangMs,
    killSignal: 'SIGKILL',
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => {
      output += text;
    });
  }
  const ended = Promise.withResolvers<{ code: number | null; signal: string | null }>();
  child.once('error', ended.reject);
  child.once('close', (code, signal) => ended.resolve({ code, signal }));
  const { code, signal } = await ended.promise;
  const seconds = (performance.now() - startedAtMs) / 1000;
  return { isOk: code === 0, isHung: signal === 'SIGKILL', output, seconds };
}

async function runTests(directory: string, file: string): Promise<Ended> {
  return runNode(directory, ['--test-reporter=tap', file]);
}

/** The names of the tests that failed, from what the `tap` reporter says; suites do not count. */
function failedTests(output: string): string[] {
  const failed = /^ *not ok \d+ - (.*)\n *---\n(?: *duration_ms: .*\n)?(?: *type: '(\w+)'\n)?/gm;
  return [...output.matchAll(failed)]
    .filter(([, , type]) => type !== 'suite')
    .map(([, name = '']) => name.replaceAll('\\', ''));
}

describe('planted bugs', () => {
  // All from one moment, though somebody may be at work on the tree.
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'holdfast-plants-'));
  const soundTree = `${root}/sound`;
  const soundFiles = new Set<string>();

  before(() => {
    fs.mkdirSync(soundTree);
    for (const name of copied) {
      fs.cpSync(`${top}/${name}`, `${soundTree}/${name}`, { recursive: true });
    }
    prepare(soundTree);
  });

  after(() => fs.rmSync(root, { recursive: true, force: true }));

  function prepare(directory: string): void {
    fs.mkdirSync(`${directory}/tmp`);
    fs.symlinkSync(`${top}/node_modules`, `${directory}/node_modules`);
    const compilerOptions = { noUnusedLocals: false, noUnusedParameters: false };
    const settings = { extends: './tsconfig.json', compilerOptions, include: ['src'] };
    fs.writeFileSync(`${directory}/tsconfig.plant.json`, JSON.stringify(settings));
  }

  /** A tree of its own with the bug in it. */
  function plantTree(plant: Plant, name: string): string {
    const directory = `${root}/${name}`;
    fs.mkdirSync(directory);
    for (const part of copied) {
      fs.cpSync(`${soundTree}/${part}`, `${directory}/${part}`, { recursive: true });
    }
    prepare(directory);
    const at = `${directory}/${plant.file}`;
    const text = fs.readFileSync(at, 'utf8');
    assert.equal(misfit(plant, text), undefined, 'bring test/long/plants.ts up to date');
    fs.writeFileSync(at, text.split(plant.find).join(plant.replace));
    return directory;
  }

  describe('the tests without any', atOnce, () => {
    for (const file of new Set(plants.flatMap(({ tests }) => tests))) {
      it(`pass: ${file}`, async () => {
        const { isOk, isHung, output } = await runTests(soundTree, file);
        const failed = isHung ? 'it hangs' : failedTests(output).join('; ');
        assert.ok(isOk, `${file} fails without a bug: ${failed}\n${output}`);
        soundFiles.add(file);
      });
    }
  });

  describe('are caught', atOnce, () => {
    for (const [index, plant] of plants.entries()) {
      it(plant.bug, async () => {
        for (const file of plant.tests) {
          assert.ok(soundFiles.has(file), `${file} fails without the bug, too`);
        }
        const directory = plantTree(plant, `plant-${index}`);
        try {
          const tsc = [
            fs.realpathSync(`${top}/node_modules/.bin/tsc`),
            '-p',
            'tsconfig.plant.json',
          ];
          const compiled = await runNode(directory, tsc);
          assert.ok(compiled.isOk, `the plant does not compile:\n${compiled.output}`);
          const caught = await whoCatches(directory, plant);
          process.stdout.write(`  caught: ${plant.bug}\n${caught}`);
        } finally {
          fs.rmSync(directory, { recursive: true, force: true });
        }
      });
    }
  });

  /** One line for each test that fails. Throws where none does. */
  async function whoCatches(directory: string, { bug, file, tests }: Plant): Promise<string> {
    for (const test of tests) {
      const { isOk, isHung, output, seconds } = await runTests(directory, test);
      if (isOk) continue;
      const failed = failedTests(output);
      // A file that cannot even be loaded has tested nothing.
      assert.ok(isHung || failed.length > 0, `${test} ended without a failing test:\n${output}`);
      const names = isHung ? ['(hangs)'] : failed;
      return names.map((name) => `    ${test}: ${name} (${seconds.toFixed(1)} s)\n`).join('');
    }
    throw new Error(`nobody notices '${bug}' in ${file}: ${tests.join(', ')} still pass`);
  }
});
