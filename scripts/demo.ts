/**
 * `make demo`: shows on a real engine that nothing is lost when the endpoint goes away, the
 * plugin is killed and a container is removed. This process only finds an engine, starts the
 * one that does all else (scripts/demo/inner.ts), shows what that says and hands it Ctrl-C.
 *
 *   node scripts/demo.ts [--lines N] [--private [--here]]
 *
 * LOKI_URL names a real Loki, KEEP=1 leaves all of it running. `--private` takes an engine of
 * its own even if another one answers; `--here` gives that no network of its own.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { answersEngine } from './demo/engines.ts';
import { runInner } from './demo/inner.ts';
import { lookAround } from './demo/look-around.ts';
import type { Message } from './demo/messages.ts';
import { Screen } from './demo/screen.ts';
import { run } from './lib/run.ts';

const top = path.resolve(import.meta.dirname, '..');
const linesDefault = 12_000;
const screen = new Screen();

/** Which engine, and whether a private one gets a network of its own. */
interface Place {
  isPrivate: boolean;
  isNetworkOwn: boolean;
}

/** Finds the place of the demo; installs an engine when there is none. */
async function findPlace(isPrivateWanted: boolean, isHere: boolean): Promise<Place> {
  if (process.getuid?.() !== 0) {
    throw new Error(`the demo needs root: it kills the plugin's process, looks into its log and may
start a Docker engine of its own. Run it as root, or with sudo.`);
  }
  if (!isPrivateWanted && (await answersEngine())) return { isPrivate: false, isNetworkOwn: false };
  await run(`${top}/scripts/install-deps.sh`, ['engine'], { isShown: true });
  // The package may have started one, if the machine's policy lets it.
  if (!isPrivateWanted && (await answersEngine())) return { isPrivate: false, isNetworkOwn: false };
  if (isPrivateWanted && isHere) return { isPrivate: true, isNetworkOwn: false };
  if (!process.env['LOKI_URL']) return { isPrivate: true, isNetworkOwn: true };
  // A real Loki cannot be reached from a network namespace that has nothing but loopback.
  if (hasDockerd()) {
    throw new Error(`a dockerd runs here that does not answer the docker command, and a second one
beside it would need a network of its own, from where LOKI_URL cannot be reached. Set DOCKER_HOST,
or leave LOKI_URL away.`);
  }
  return { isPrivate: true, isNetworkOwn: false };
}

/** Whether another engine runs in this network namespace. */
function hasDockerd(): boolean {
  const own = fs.readlinkSync('/proc/self/ns/net');
  return fs.readdirSync('/proc').some((name) => {
    try {
      if (fs.readFileSync(`/proc/${name}/comm`, 'utf8') !== 'dockerd\n') return false;
      return fs.readlinkSync(`/proc/${name}/ns/net`) === own;
    } catch {
      return false;
    }
  });
}

/** Starts the process that does it, and shows what it says. Resolves with the exit code. */
async function runOuter(place: Place, lines: number): Promise<number> {
  const command = [process.execPath, import.meta.filename, '--inner', '--lines', String(lines)];
  if (place.isPrivate) command.push('--private');
  if (place.isNetworkOwn) command.unshift(`${top}/scripts/in-netns.sh`);
  const [program = '', ...args] = command;
  // In a session of its own: Ctrl-C reaches only us, and the engine outlives it for the cleanup.
  const inner = spawn(program, args, { detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
  inner.stderr.on('data', (text: Buffer) => process.stderr.write(text));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      // The end of its input tells it to clean up; who cannot wait for that asks again.
      if (inner.stdin.writableEnded) inner.kill('SIGTERM');
      else inner.stdin.end();
    });
  }
  const kept = Promise.withResolvers<number>();
  createInterface({ input: inner.stdout }).on('line', (line) => {
    const message = JSON.parse(line) as Message;
    screen.show(message);
    if (message.kind !== 'kept') return;
    screen.show({ kind: 'text', text: lookAround(message, inner.pid) });
    kept.resolve(message.exitCode);
  });
  const exit = once(inner, 'close').then(([code]) => (typeof code === 'number' ? code : 1));
  return Promise.race([exit, kept.promise]);
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      lines: { type: 'string', default: String(linesDefault) },
      private: { type: 'boolean', default: false },
      here: { type: 'boolean', default: false },
      inner: { type: 'boolean', default: false },
    },
  });
  const lines = Number(values.lines);
  if (!Number.isSafeInteger(lines) || lines < 1) {
    throw new Error(`--lines must be a whole number above 0, not '${values.lines}'`);
  }
  if (!values.inner) return runOuter(await findPlace(values.private, values.here), lines);
  return runInner({ isPrivate: values.private, isKept: process.env['KEEP'] === '1', lines });
}

try {
  process.exitCode = await main();
} catch (error) {
  screen.show({ kind: 'error', text: error instanceof Error ? error.message : String(error) });
  process.exitCode = 1;
}
// What is left running would keep this process here.
process.exit();
