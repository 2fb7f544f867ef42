import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { test } from 'node:test';
import { acquireLock } from '../../src/wal/index.ts';
import { temporaryDirectory } from '../helpers/stream-bench.ts';

const holderPath = `${import.meta.dirname}/../helpers/lock-holder.ts`;

/** A process that tries to take the lock, and the first line that it says. */
async function holder(root: string, name: string): Promise<{ child: ChildProcess; said: string }> {
  const child = spawn(process.execPath, [holderPath, root, name], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let said = '';
  for await (const chunk of child.stdout) {
    said += String(chunk);
    if (said.includes('\n')) break;
  }
  return { child, said: said.trim() };
}

async function end(child: ChildProcess, signal?: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  if (signal === undefined) child.stdin?.end();
  else child.kill(signal);
  await exited;
}

test('refuses the lock while another process has it, and says which one', async () => {
  using root = temporaryDirectory();
  const { child, said } = await holder(root.path, 'the first one');
  assert.equal(said, 'held');
  await assert.rejects(acquireLock(root.path, 'second'), {
    code: 'wal_locked',
    message: /in use by the first one; stop that one first/,
  });
  const other = await holder(root.path, 'third');
  assert.match(other.said, /in use by the first one/);
  await end(other.child);
  await end(child);
  const lock = await acquireLock(root.path, 'second');
  await lock.release();
  assert.deepEqual(fs.readdirSync(root.path), []);
});

test('takes over the lock of a process that was killed', async () => {
  using root = temporaryDirectory();
  const { child, said } = await holder(root.path, 'killed');
  assert.equal(said, 'held');
  await end(child, 'SIGKILL');
  assert.deepEqual(fs.readdirSync(root.path), ['LOCK']);
  const lock = await acquireLock(root.path, 'next');
  await assert.rejects(acquireLock(root.path, 'other'), /in use by next/);
  await lock.release();
});

test('takes over what is no socket, and refuses a path that cannot be had', async () => {
  using root = temporaryDirectory();
  fs.writeFileSync(`${root.path}/LOCK`, 'left over');
  const lock = await acquireLock(root.path, 'next');
  await lock.release();
  await assert.rejects(acquireLock(`${root.path}/nowhere`, 'next'));
});

test('gives the lock to one of many that start at once over a stale one', async () => {
  using root = temporaryDirectory();
  const { child } = await holder(root.path, 'killed');
  await end(child, 'SIGKILL');
  const tries = await Promise.allSettled(
    Array.from({ length: 3 }, (_, index) => holder(root.path, `number ${index}`)),
  );
  const started = tries.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  assert.equal(started.length, 3);
  assert.ok(started.filter((each) => each.said === 'held').length <= 1);
  for (const each of started) await end(each.child);
});

test('leaves the lock of another process alone when it lets go of its own too late', async () => {
  using root = temporaryDirectory();
  const mine = await acquireLock(root.path, 'mine');
  fs.unlinkSync(`${root.path}/LOCK`);
  const other = await acquireLock(root.path, 'other');
  await mine.release();
  await assert.rejects(acquireLock(root.path, 'third'), /in use by other/);
  await other.release();
});
