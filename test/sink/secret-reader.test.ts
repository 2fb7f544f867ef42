import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { SecretReader, secretBytesMax, secretCheckMs } from '../../src/sink/secret-reader.ts';
import { SettingsError } from '../../src/sink/settings-error.ts';

/** A directory that goes with the test, a file in it, and a clock that stands still. */
function bench(t: TestContext, content?: string | Buffer) {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'holdfast-secret-'));
  t.after(() => fs.rmSync(directory, { recursive: true, force: true }));
  const file = path.join(directory, 'password');
  if (content !== undefined) fs.writeFileSync(file, content);
  const clock = { nowMs: 0 };
  const reader = new SecretReader(
    { kind: 'file', path: file },
    { what: 'password', nowMs: () => clock.nowMs },
  );
  return { directory, file, clock, reader };
}

/** Lets a file look as if it had lain there for an hour. */
function age(file: string): void {
  const longAgo = new Date(Date.now() - 3_600_000);
  fs.utimesSync(file, longAgo, longAgo);
}

async function problemOf(reader: SecretReader): Promise<string> {
  try {
    await reader.read();
  } catch (error) {
    assert.ok(error instanceof SettingsError);
    return error.message;
  }
  return assert.fail('it was read');
}

test('gives a text as it is', async () => {
  const reader = new SecretReader({ kind: 'text', text: 'S3CRET\n' }, { what: 'password' });
  assert.equal(await reader.read(), 'S3CRET\n');
  assert.equal(reader.label, 'the password');
});

test('gives a file without the line ends at its end', async (t) => {
  const rows: [string | Buffer, string][] = [
    ['S3CRET', 'S3CRET'],
    ['S3CRET\n', 'S3CRET'],
    ['S3CRET\r\n\r\n', 'S3CRET'],
    [' S3 CRET \n', ' S3 CRET '],
    ['one\ntwo\n', 'one\ntwo'],
    ['\ufeffS3CRET', 'S3CRET'],
    [`${'\n'.repeat(60_000)}x\n`, `${'\n'.repeat(60_000)}x`],
    ['x'.repeat(secretBytesMax), 'x'.repeat(secretBytesMax)],
  ];
  for (const [content, expected] of rows) {
    assert.equal(await bench(t, content).reader.read(), expected);
  }
});

test('reads a file that claims no size', async () => {
  const reader = new SecretReader({ kind: 'file', path: '/proc/self/comm' }, { what: 'password' });
  assert.equal((await reader.read()).length > 0, true);
});

test('says for each file that is no secret what is wrong and where, and nothing of it', async (t) => {
  const rows: [string | Buffer | undefined, RegExp][] = [
    [undefined, /there is no such file; paths are inside of the plugin$/],
    ['', /it is empty$/],
    ['\r\n\n', /it is empty$/],
    [Buffer.from([0x53, 0x33, 0xff]), /it is not UTF-8 text$/],
    ['S3CRET'.repeat(secretBytesMax), /it is larger than 64 KiB$/],
  ];
  for (const [content, expected] of rows) {
    const { reader, file } = bench(t, content);
    const problem = await problemOf(reader);
    assert.match(problem, expected);
    assert.ok(problem.startsWith(`the password in ${file} cannot be read: `), problem);
    assert.doesNotMatch(problem, /S3/);
  }
});

test('does not wait for a FIFO and reads no device and no directory', async (t) => {
  const { directory, file, reader } = bench(t);
  execFileSync('mkfifo', [file]);
  assert.match(await problemOf(reader), /it is not a file$/);
  for (const other of ['/dev/zero', directory]) {
    const one = new SecretReader({ kind: 'file', path: other }, { what: 'password' });
    assert.match(await problemOf(one), /it is not a file$/);
  }
});

test('says that links go in a circle, and shortens a path that is too long', async (t) => {
  const { file, reader } = bench(t);
  fs.symlinkSync(file, file);
  assert.match(await problemOf(reader), /its symbolic links go in a circle$/);
  const long = new SecretReader({ kind: 'file', path: `/${'x'.repeat(5000)}` }, { what: 'key' });
  assert.match(await problemOf(long), /^the key in \/x{199}… cannot be read: ENAMETOOLONG$/);
});

test('looks again once a second at most, and then sees what has changed', async (t) => {
  const { file, clock, reader } = bench(t, 'old');
  age(file);
  assert.equal(await reader.read(), 'old');
  fs.writeFileSync(file, 'new');
  clock.nowMs += secretCheckMs - 1;
  assert.equal(await reader.read(), 'old');
  clock.nowMs += 1;
  assert.equal(await reader.read(), 'new');
});

test('sees a change that leaves size and time as they were', async (t) => {
  const { directory, file, clock, reader } = bench(t, 'old');
  age(file);
  await reader.read();
  const { atime, mtime } = fs.statSync(file);
  const other = path.join(directory, 'other');
  fs.writeFileSync(other, 'new');
  fs.utimesSync(other, atime, mtime);
  fs.renameSync(other, file);
  clock.nowMs += secretCheckMs;
  assert.equal(await reader.read(), 'new');
});

test('reads a file that was written just now once more, though its time may not change', async (t) => {
  const { file, clock, reader } = bench(t, 'old');
  assert.equal(await reader.read(), 'old');
  const { atimeMs, mtimeMs } = fs.statSync(file);
  fs.writeFileSync(file, 'new');
  fs.utimesSync(file, atimeMs / 1000, mtimeMs / 1000);
  clock.nowMs += secretCheckMs;
  assert.equal(await reader.read(), 'new');
});

test('follows a link that is pointed elsewhere, as Kubernetes does it', async (t) => {
  const { directory, clock } = bench(t);
  const data = path.join(directory, '..data');
  for (const version of ['v1', 'v2']) {
    fs.mkdirSync(path.join(directory, version));
    fs.writeFileSync(path.join(directory, version, 'token'), version);
    age(path.join(directory, version, 'token'));
  }
  fs.symlinkSync('v1', data);
  fs.symlinkSync('..data/token', path.join(directory, 'token'));
  const reader = new SecretReader(
    { kind: 'file', path: path.join(directory, 'token') },
    { what: 'bearer token', nowMs: () => clock.nowMs },
  );
  assert.equal(await reader.read(), 'v1');
  fs.symlinkSync('v2', `${data}.new`);
  fs.renameSync(`${data}.new`, data);
  clock.nowMs += secretCheckMs;
  assert.equal(await reader.read(), 'v2');
});

test('a file that is gone is a problem at once, and none when it is back', async (t) => {
  const { file, clock, reader } = bench(t, 'old');
  age(file);
  await reader.read();
  fs.rmSync(file);
  clock.nowMs += secretCheckMs;
  assert.match(await problemOf(reader), /no such file/);
  fs.writeFileSync(file, 'back');
  assert.match(await problemOf(reader), /no such file/);
  clock.nowMs += secretCheckMs;
  assert.equal(await reader.read(), 'back');
});

test('reads once for all that ask at the same time', async (t) => {
  const { file, clock, reader } = bench(t, 'one');
  const texts = Promise.all(Array.from({ length: 50 }, () => reader.read()));
  assert.deepEqual(new Set(await texts), new Set(['one']));
  fs.writeFileSync(file, 'two');
  clock.nowMs += secretCheckMs;
  const later = await Promise.all(Array.from({ length: 50 }, () => reader.read()));
  assert.deepEqual(new Set(later), new Set(['two']));
});
