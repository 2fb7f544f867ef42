/** `make demo` as a person runs it, only shorter: it ends well and shows the table that it promises. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { tryRun } from '../../scripts/lib/run.ts';

const demo = path.resolve(import.meta.dirname, '../../scripts/demo.ts');
const lines = 8000;
const timeoutMs = 120_000;

describe('the demo', () => {
  it('loses nothing over an outage, two kills and a removal, shows so, and cleans up', async () => {
    const args = [demo, '--private', '--here', '--lines', String(lines)];
    const { LOKI_URL: _url, KEEP: _keep, ...env } = process.env;
    const { status, stdout, stderr } = await tryRun(process.execPath, args, { env, timeoutMs });
    assert.equal(status, 0, `${stdout}\n${stderr}`);
    assert.equal(stderr, '');
    const brief = lines / 2;
    for (const index of [1, 2, 3]) assertRow(stdout, `holdfast-demo-${index}`, lines);
    assertRow(stdout, 'holdfast-demo-4 (removed)', brief);
    assertRow(stdout, 'all', 3 * lines + brief);
    assert.equal(stdout.match(/plugin killed with SIGKILL/g)?.length, 2);
    assert.match(stdout, /cleaning up/);
    assert.deepEqual(leftProcesses(), []);
  });
});

/** Printed, in the WAL and delivered are `count`; lost and doubled are 0. */
function assertRow(output: string, name: string, count: number): void {
  const row = output.split('\n').find((line) => line.startsWith(`${name}  `));
  const numbers = row?.slice(name.length).trim().replaceAll(',', '').split(/\s+/).map(Number);
  assert.deepEqual(numbers?.slice(0, -1), [count, count, count, 0, 0], `${name} in\n${output}`);
}

/** Command lines of processes that the demo started and that still run. */
function leftProcesses(): string[] {
  return fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      } catch {
        return '';
      }
    })
    .filter((line) => /loki-double\/main|demo\.ts|\/app\/main\.js/.test(line));
}
