/**
 * What containers print, byte for byte: lines that are empty, long, binary, cut, mixed or never
 * ended arrive as they were printed, under the labels that were asked for.
 */
import assert from 'node:assert/strict';
import os from 'node:os';
import { after, before, describe, it } from 'node:test';
import { Engine } from '../../scripts/lib/engine.ts';
import { LokiDouble } from '../helpers/loki-double/loki-double.ts';
import { runArgs } from './helpers/containers.ts';
import { Plugin } from './helpers/plugin.ts';

const kib = 1024;
/** dockerd cuts lines here. */
const pieceBytes = 16 * kib;
const mib = kib * kib;
/** How long the driver waits for the end of a line before it ships what it has. */
const openLineMs = 10_000;
const arrivalMsMax = 30_000;

/** What a container runs, as a shell program, and what must come of it on standard output. */
interface Printed {
  name: string;
  program: string;
  lines: readonly (string | Buffer)[];
  isTty?: boolean;
}

/** A program that prints so many bytes of one letter, without a line end. */
const printLong = (bytes: number, letter = 'x'): string =>
  `head -c ${bytes} /dev/zero | tr '\\0' ${letter}`;

const allBytes = Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => byte !== 0x0a);
const invalidUtf8 = [0xff, 0xfe, 0xc0, 0x80, 0x61, 0xed, 0xa0, 0x80, 0xe2, 0x82, 0xf8];
const octal = (bytes: readonly number[]): string =>
  bytes.map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');

const cases: Printed[] = [
  {
    name: 'keeps empty lines and lines of spaces',
    program: `printf '\\n\\na\\n \\n\\t\\n\\n'`,
    lines: ['', '', 'a', ' ', '\t', ''],
  },
  {
    name: 'joins a line of exactly 16 KiB',
    program: `echo before; ${printLong(pieceBytes)}; echo; echo after`,
    lines: ['before', Buffer.alloc(pieceBytes, 'x'), 'after'],
  },
  {
    name: 'joins a line of one byte less than 16 KiB',
    program: `echo before; ${printLong(pieceBytes - 1)}; echo; echo after`,
    lines: ['before', Buffer.alloc(pieceBytes - 1, 'x'), 'after'],
  },
  {
    name: 'joins a line of 16 KiB and one byte',
    program: `echo before; ${printLong(pieceBytes)}; echo y; echo after`,
    lines: ['before', Buffer.from(`${'x'.repeat(pieceBytes)}y`), 'after'],
  },
  {
    name: 'joins a line of twice 16 KiB',
    program: `${printLong(pieceBytes)}; ${printLong(pieceBytes, 'y')}; echo; echo after`,
    lines: [`${'x'.repeat(pieceBytes)}${'y'.repeat(pieceBytes)}`, 'after'],
  },
  {
    name: 'keeps every byte value',
    program: `printf '${octal(allBytes)}\\n${octal(allBytes)}\\n'`,
    lines: [Buffer.from(allBytes), Buffer.from(allBytes)],
  },
  {
    name: 'keeps what is not UTF-8',
    program: `printf '${octal(invalidUtf8)}\\nfür 10 €\\n'`,
    lines: [Buffer.from(invalidUtf8), 'für 10 €'],
  },
  {
    name: 'keeps carriage returns',
    program: `printf 'a\\r\\n\\r\\nb\\rc\\r\\n'`,
    lines: ['a\r', '\r', 'b\rc\r'],
  },
  {
    name: 'keeps a last line that has no end',
    program: `printf 'whole\\nno end'`,
    lines: ['whole', 'no end'],
  },
  {
    name: 'keeps the line ends of a terminal, and both of its streams in one',
    program: `echo one; echo two >&2; printf 'no end'`,
    lines: ['one\r', 'two\r', 'no end'],
    isTty: true,
  },
];

describe('lines of containers', () => {
  const engine = new Engine();
  const plugin = new Plugin(engine);
  const loki = new LokiDouble();
  const tenants = new LokiDouble({ auth: true });

  before(async () => {
    await loki.start();
    await tenants.start();
    await engine.start();
    await engine.importTestImage();
    const settings = { LOKI_URL: loki.url, LOKI_BATCH_WAIT: '50ms', LOKI_MAX_BACKOFF: '1s' };
    await plugin.create(settings);
  });

  after(async () => {
    await engine.dispose();
    await tenants.stop();
    await loki.stop();
  });

  /** Runs a shell program in a container to its end, and waits until all of it is delivered. */
  async function runShell(
    name: string,
    program: string,
    options: { isTty?: boolean; logOpts?: Record<string, string> } = {},
  ): Promise<void> {
    await engine.docker(...runArgs(name, options), 'sh', '-c', program);
    await engine.docker('wait', name);
    await plugin.drained(name);
    await engine.docker('rm', name);
  }

  function linesOf(name: string, source = 'stdout'): Buffer[] {
    const selector = { container_name: name, source };
    return [...loki.lines(selector, { order: 'arrival' })].map(({ line }) => line);
  }

  for (const [index, { name, program, lines, isTty = false }] of cases.entries()) {
    it(name, async () => {
      await runShell(`case${index}`, program, { isTty });
      assertLines(linesOf(`case${index}`), lines);
      assertLines(linesOf(`case${index}`, 'stderr'), []);
    });
  }

  it('joins a line of 1 MiB to one entry where the endpoint takes it', async () => {
    loki.setLimits({ lineBytesMax: 2 * mib });
    try {
      // A pattern that no cut leaves unnoticed.
      const program = `awk 'BEGIN{for(i=1;i<=${mib / 8};i++) printf "%08d", i}'; echo; echo after`;
      await runShell('long', program, { logOpts: { 'loki-max-line-size': '2m' } });
      const numbers = Array.from({ length: mib / 8 }, (_, at) => String(at + 1).padStart(8, '0'));
      assertLines(linesOf('long'), [numbers.join(''), 'after']);
    } finally {
      loki.setLimits({ lineBytesMax: 256 * kib });
    }
  });

  it('goes on behind a line that the endpoint refuses for its length', async () => {
    const before = loki.counts().rejected['line_too_long'] ?? 0;
    const program = `echo before; ${printLong(mib)}; echo; echo after; echo last`;
    await runShell('too-long', program, { logOpts: { 'loki-max-line-size': '2m' } });
    assertLines(linesOf('too-long'), ['before', 'after', 'last']);
    assert.equal((loki.counts().rejected['line_too_long'] ?? 0) - before, 1);
  });

  it('cuts a line that is longer than Loki takes, and says so at its end', async () => {
    await runShell('cut', `${printLong(mib)}; echo; echo after`);
    const [cut, after] = linesOf('cut').map((line) => line.toString('latin1'));
    assert.equal(cut?.length, 256 * kib);
    assert.match(cut ?? '', /x \[holdfast: cut, 1048576 bytes in all\]$/);
    assert.equal(after, 'after');
  });

  it('keeps the two streams of a container apart, and the order in each', async () => {
    const program = 'i=1; while [ $i -le 2000 ]; do echo "o $i"; echo "e $i" >&2; i=$((i+1)); done';
    await runShell('mixed', program);
    for (const [source, prefix] of Object.entries({ stdout: 'o ', stderr: 'e ' })) {
      for (const order of ['arrival', 'time'] as const) {
        const selector = { container_name: 'mixed', source };
        const report = loki.checkNumbered(selector, prefix, 2000, { order });
        assert.ok(report.ok, `${source}: ${report.summary}`);
      }
    }
  });

  it('joins long lines of both streams that are printed at the same time', async () => {
    const count = 20;
    const long = (letter: string): string =>
      `i=0; while [ $i -lt ${count} ]; do ${printLong(3 * pieceBytes, letter)}; echo; i=$((i+1)); done`;
    await runShell('both-long', `(${long('o')}) & (${long('e')}) >&2; wait`);
    for (const [source, letter] of Object.entries({ stdout: 'o', stderr: 'e' })) {
      const expected = Array.from({ length: count }, () => letter.repeat(3 * pieceBytes));
      assertLines(linesOf('both-long', source), expected);
    }
  });

  it('ships what a container has of a line 10 s after it went silent, and the rest when it ends', async () => {
    const rest = 'the rest';
    // dockerd itself hands over nothing before it has a piece of 16 KiB.
    const program = `trap 'exit 0' TERM; ${printLong(pieceBytes)}; printf '${rest}'; sleep 600 & wait`;
    const startedMs = performance.now();
    await engine.docker(...runArgs('silent'), 'sh', '-c', program);
    const selector = { container_name: 'silent' };
    await loki.waitFor((double) => double.count(selector) > 0, arrivalMsMax);
    const tookMs = performance.now() - startedMs;
    assert.ok(tookMs >= openLineMs, `an open line was shipped after ${tookMs} ms`);
    assertLines(linesOf('silent'), [Buffer.alloc(pieceBytes, 'x')]);
    await engine.docker('stop', '-t', '5', 'silent');
    await plugin.drained('silent');
    await engine.docker('rm', 'silent');
    assertLines(linesOf('silent'), [Buffer.alloc(pieceBytes, 'x'), rest]);
  });

  it('ships an open line at once when the container ends', async () => {
    const program = `${printLong(pieceBytes)}; printf tail; kill -9 $$`;
    await engine.docker(...runArgs('ended'), 'sh', '-c', program);
    await engine.docker('wait', 'ended');
    const endedMs = performance.now();
    const selector = { container_name: 'ended' };
    await loki.waitFor((double) => double.count(selector) > 0, arrivalMsMax);
    const tookMs = performance.now() - endedMs;
    assert.ok(tookMs < openLineMs / 2, `it took ${tookMs} ms`);
    assertLines(linesOf('ended'), [`${'x'.repeat(pieceBytes)}tail`]);
    await engine.docker('rm', 'ended');
  });

  it('ships containers to the tenants that they name', async () => {
    const settings = { 'loki-url': tenants.url };
    for (const tenant of ['shop', 'bank']) {
      const logOpts = { ...settings, 'loki-tenant-id': tenant };
      await runShell(`of-${tenant}`, `echo for ${tenant}`, { logOpts });
    }
    for (const tenant of ['shop', 'bank']) {
      const lines = [...tenants.lines({}, { tenant })].map(({ line }) => line);
      assertLines(lines, [`for ${tenant}`]);
    }
    assert.equal(tenants.entries, 2);
    assert.equal(tenants.counts().requestsByStatus['401'], undefined);
  });

  it("gives a stream the container's name, the host's name and its source as labels", async () => {
    loki.reset();
    await runShell('labelled', 'echo out; echo err >&2');
    const common = { container_name: 'labelled', host: os.hostname() };
    const expected = ['stderr', 'stdout'].map((source) => ({ ...common, source }));
    assert.deepEqual(labelsOf(loki), expected);
  });

  it('gives a stream external labels, with the name of the container where it is asked for', async () => {
    loki.reset();
    const labels = 'app=the shop,who={{.Name}},id=<{{ .Name }}>';
    await runShell('external', 'echo out', { logOpts: { 'loki-external-labels': labels } });
    const own = { host: os.hostname(), source: 'stdout' };
    assert.deepEqual(labelsOf(loki), [
      { app: 'the shop', id: '<external>', who: 'external', ...own },
    ]);
  });
});

/** Labels of all streams, those of `stderr` first. */
function labelsOf(loki: LokiDouble): Readonly<Record<string, string>>[] {
  const labels = loki.streams().map((stream) => stream.labels);
  return labels.sort((a, b) => (a['source'] ?? '').localeCompare(b['source'] ?? ''));
}

/** Compares byte for byte; a difference is shown by its place, because lines may be long. */
function assertLines(actual: readonly Buffer[], expected: readonly (string | Buffer)[]): void {
  const wanted = expected.map((line) => Buffer.from(line));
  for (const [index, line] of actual.entries()) {
    const other = wanted[index];
    if (other === undefined || other.equals(line)) continue;
    const differs = line.findIndex((byte, place) => byte !== other[place]);
    const at = differs < 0 ? line.length : differs;
    const show = (bytes: Buffer): string =>
      `${bytes.length} bytes …${JSON.stringify(bytes.toString('latin1', Math.max(0, at - 20), at + 20))}…`;
    assert.fail(`line ${index} differs at byte ${at}: ${show(line)}, expected ${show(other)}`);
  }
  assert.equal(actual.length, wanted.length, `lines: ${actual.map((line) => line.length).join()}`);
}
