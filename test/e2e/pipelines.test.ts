/**
 * Stages on a real engine: containers beside each other go through different ones, so do endpoints of
 * one container, what is dropped and measured is told, and what is wrong stops its container alone.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import { after, before, describe, it } from 'node:test';
import { Engine } from '../../scripts/lib/engine.ts';
import { LokiDouble } from '../helpers/loki-double/loki-double.ts';
import { printLines, runArgs, tickLines } from './helpers/containers.ts';
import { until } from './helpers/logs-checks.ts';
import { type Samples, scrape, sumOf } from './helpers/metrics.ts';
import { Plugin } from './helpers/plugin.ts';

const lines = 2000;
/** A second from which on containers print times: an hour ago, which Loki takes. */
const beginSeconds = Math.floor(Date.now() / 1000) - 3600;

const jsonStages = `
- json:
    expressions: { level: , time: ts, msg: , user: who.name }
- labels: { level: }
- timestamp: { source: time, format: UnixMs }
- structured_metadata: { user: }
- output: { source: msg }
`;
/** The program of a container that prints what these stages read. */
const printJson = [
  'awk',
  `BEGIN{for(i=1;i<=${lines};i++) printf "{\\"level\\":\\"%s\\",\\"ts\\":${beginSeconds}%03d,` +
    `\\"msg\\":\\"json %d\\",\\"who\\":{\\"name\\":\\"u%d\\"}}\\n",i%2?"info":"warn",i%1000,i,i%7}`,
];

const traceStages = `# A whole file, as promtail has it.
pipeline_stages:
  - multiline: { firstline: '^\\d+ ', max_wait_time: 5s }
  - regex: { expression: '(?s)^(?P<seconds>\\d+) (?P<kind>\\w+) (?P<rest>.*)' }
  - timestamp: { source: seconds, format: Unix }
  - labels: { kind: }
  - template: { source: rest, template: '{{ .Value | trimSuffix "!" }} ({{ .kind | ToUpper }})' }
  - output: { source: rest }
`;
const printTraces = [
  'awk',
  `BEGIN{for(i=1;i<=${lines};i++) printf "%d %s trace %d\\n  at a\\n\\n  at b!\\n",` +
    `${beginSeconds}+i,i%2?"error":"fatal",i}`,
];

describe('pipelines on a real engine', () => {
  const engine = new Engine();
  const plugin = new Plugin(engine);
  const loki = new LokiDouble();
  const other = new LokiDouble();

  before(async () => {
    await Promise.all([loki.start(), other.start()]);
    await engine.start();
    await engine.importTestImage();
    const files = `${engine.directory}/files`;
    fs.mkdirSync(files);
    fs.writeFileSync(`${files}/traces.yaml`, traceStages);
    fs.writeFileSync(`${files}/wrong.yaml`, 'pipeline_stages:\n- json: {}\n- jsno: {}\n');
    await plugin.create({
      ...{ LOKI_URL: loki.url, LOKI_MAX_BACKOFF: '1s', 'files.source': files },
    });
  });

  after(async () => {
    await engine.dispose();
    await Promise.all([loki.stop(), other.stop()]);
  });

  const start = async (
    name: string,
    logOpts: Record<string, string>,
    program: readonly string[],
  ): Promise<string> => engine.docker(...runArgs(name, { logOpts }), ...program);

  /** Waits until a container has ended and all endpoints have all of it. */
  async function finish(...names: string[]): Promise<void> {
    for (const name of names) await engine.docker('wait', name);
    for (const name of names) await plugin.drained(name);
    await engine.docker('rm', '-f', ...names);
  }

  const linesOf = (selector: Record<string, string>, double = loki): string[] =>
    [...double.lines(selector)].map(({ line }) => line.toString());

  /** What a container's streams have beside the labels that all have. */
  function labelsOf(name: string, double = loki): Record<string, string>[] {
    const own = double.streams().filter(({ labels }) => labels['container_name'] === name);
    const isOther = ([label]: [string, string]): boolean =>
      label !== 'container_name' && label !== 'host';
    const others = own.map(({ labels }) =>
      Object.fromEntries(Object.entries(labels).filter(isOther)),
    );
    return others.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  }

  const fill = <T>(make: (number: number) => T): T[] => numbersTo(lines).map(make);

  it('two containers at once go through stages of their own: YAML in an option, and a file', async () => {
    await Promise.all([
      start('json', { 'loki-pipeline-stages': jsonStages }, printJson),
      start('traces', { 'loki-pipeline-stage-file': '/files/traces.yaml' }, printTraces),
    ]);
    await finish('json', 'traces');

    const byLevel = ['info', 'warn'].map((level) => ({ level, source: 'stdout' }));
    assert.deepEqual(labelsOf('json'), byLevel);
    const found = [...loki.lines({ container_name: 'json' }, { order: 'arrival' })].map(
      ({ line, timestampNs, metadata, stream }) => {
        // Equal times get a nanosecond more each, so only the milliseconds are the printed ones.
        const ms = timestampNs / 1_000_000n;
        return `${stream.labels.map.get('level')} ${ms} ${line.toString()} ${metadata.at(-1)?.join()}`;
      },
    );
    const expected = fill((i) => {
      const ms = `${beginSeconds}${String(i % 1000).padStart(3, '0')}`;
      return `${i % 2 === 1 ? 'info' : 'warn'} ${ms} json ${i} user,u${i % 7}`;
    });
    assert.deepEqual(found.sort(), expected.sort());

    const byKind = ['error', 'fatal'].map((kind) => ({ kind, source: 'stdout' }));
    assert.deepEqual(labelsOf('traces'), byKind);
    const traces = [...loki.lines({ container_name: 'traces' })];
    assert.deepEqual(
      traces.map(({ line }) => line.toString()),
      fill((i) => `trace ${i}\n  at a\n\n  at b (${i % 2 === 1 ? 'ERROR' : 'FATAL'})`),
    );
    assert.deepEqual(
      traces.map(({ timestampNs }) => timestampNs),
      fill((i) => BigInt(beginSeconds + i) * 1_000_000_000n),
    );
  });

  it('one endpoint of a container gets what stages make of its lines, another one the lines', async () => {
    // The one without a URL of its own has that of the plugin.
    const options = { 'loki-pipeline-stages.a': jsonStages, 'loki-url.b': other.url };
    await start('both', options, printJson);
    await finish('both');
    assert.equal(loki.count({ container_name: 'both', level: 'info' }), lines / 2);
    assert.deepEqual(linesOf({ container_name: 'both' }).sort(), fill((i) => `json ${i}`).sort());
    assert.deepEqual(labelsOf('both', other), [{ source: 'stdout' }]);
    assert.deepEqual(
      linesOf({ container_name: 'both' }, other),
      fill((i) => {
        const ts = `${beginSeconds}${String(i % 1000).padStart(3, '0')}`;
        const level = i % 2 === 1 ? 'info' : 'warn';
        return `{"level":"${level}","ts":${ts},"msg":"json ${i}","who":{"name":"u${i % 7}"}}`;
      }),
    );
  });

  it('counts what stages measure and drop: printed is delivered and dropped', async () => {
    const stages = `
- regex: { expression: '^n (?P<number>\\d+)' }
- metrics:
    lines_total: { type: counter, description: all, prefix: shop_, config: { match_all: true, action: inc } }
    number: { type: gauge, config: { action: set } }
    size: { type: histogram, source: number, config: { buckets: [10, 1000] } }
- drop: { source: number, expression: '7$', drop_counter_reason: sevens }
- drop: { expression: '^n 1\\d\\d ' }
`;
    const printed = 5000;
    const sevens = printed / 10;
    const hundreds = 90;
    await start('counted', { 'loki-pipeline-stages.counted': stages }, printLines('n ', printed));
    await finish('counted');
    const kept = numbersTo(printed).filter((i) => i % 10 !== 7 && !(i >= 100 && i <= 199));
    const numbers = linesOf({ container_name: 'counted' }).map((line) => line.split(' ')[1]);
    assert.deepEqual(numbers, kept.map(String));
    const own = 'container_name="counted",endpoint="counted"';
    const labels = `${own},host="${os.hostname()}",source="stdout"`;
    let samples: Samples = new Map();
    // What endpoints took and what stages measured comes from the delivery thread apart.
    await until('the figures of the delivery thread are there', async () => {
      samples = await scrape();
      const delivered = sumOf(samples, 'delivery_entries_total', 'counted');
      return delivered === kept.length && samples.has(`shop_lines_total{${labels}}`);
    });
    const value = (metric: string, of: string): number | undefined =>
      samples.get(`${metric}{${of}}`);
    const dropped = (reason: string): number | undefined =>
      value('holdfast_delivery_dropped_lines_total', `endpoint="counted",reason="${reason}"`);
    assert.deepEqual([dropped('sevens'), dropped('drop_stage')], [sevens, hundreds]);
    assert.equal(kept.length + sevens + hundreds, printed);
    assert.equal(value('shop_lines_total', labels), printed);
    assert.equal(value('promtail_custom_number', labels), printed);
    const bucket = (le: string): number | undefined =>
      value('promtail_custom_size_bucket', `le="${le}",${labels}`);
    assert.deepEqual([bucket('10'), bucket('1000'), bucket('+Inf')], [10, 1000, printed]);
  });

  it('joins entries, drops blank lines and finds levels without any stage', async () => {
    const options = {
      'loki-level': 'auto',
      'loki-drop-blank': 'true',
      'multiline-pattern': '^\\S',
    };
    const printed =
      '{"msg":"a","level":"warn"}\\nlevel=error msg="b"\\n  at c\\n\\n  at d\\n \\t\\nINFO e\\n\\nf\\n';
    await start('simple', options, [
      'sh',
      '-c',
      `printf '${printed}'; printf '\\n[WARN] g\\n' >&2`,
    ]);
    await finish('simple');
    const levels = ['error', 'info', 'warn'].map((level) => ({ level, source: 'stdout' }));
    const expected = [...levels, { level: 'warn', source: 'stderr' }, { source: 'stdout' }];
    assert.deepEqual(
      new Set(labelsOf('simple').map((labels) => JSON.stringify(labels))),
      new Set(expected.map((labels) => JSON.stringify(labels))),
    );
    const of = (labels: Record<string, string>): string[] =>
      linesOf({ container_name: 'simple', source: 'stdout', ...labels });
    assert.deepEqual(of({ level: 'warn' }), ['{"msg":"a","level":"warn"}']);
    assert.deepEqual(of({ level: 'error' }), ['level=error msg="b"\n  at c\n  at d']);
    assert.deepEqual(of({ level: 'info' }), ['INFO e']);
    assert.deepEqual(of({ level: '' }), ['f']);
    assert.deepEqual(linesOf({ container_name: 'simple', source: 'stderr' }), ['[WARN] g']);
  });

  it('stops a container whose stages are wrong, says what, where and why, and no other', async () => {
    await start('neighbour', {}, tickLines('n ', 1_000_000, 2));
    for (const [name, { options, says }] of Object.entries(wrong)) {
      const args = runArgs('wrong', { logOpts: options });
      const { status, stderr } = await engine.tryDocker(...args, 'echo', 'never');
      assert.notEqual(status, 0, name);
      for (const words of says) assert.ok(stderr.includes(words), `${name}: ${stderr}`);
      await engine.docker('rm', '-f', 'wrong');
    }
    assert.equal(loki.count({ container_name: 'wrong' }), 0);
    await engine.docker('rm', '-f', 'neighbour');
    await plugin.drained('neighbour');
    const count = loki.count({ container_name: 'neighbour' });
    assert.ok(count > 0);
    const report = loki.checkNumbered({ container_name: 'neighbour' }, 'n ', count);
    assert.ok(report.ok, report.summary);
  });
});

/** What is wrong, and what the error has to name: option, value, line and what is allowed. */
const wrong: Record<string, { options: Record<string, string>; says: readonly string[] }> = {
  'stages that are no YAML': {
    options: { 'loki-pipeline-stages': '- json: {}\n- labels: {a: [}\n' },
    says: [
      'loki-pipeline-stages: ',
      'labels: {a: [}',
      'line 2: this is not YAML',
      'a YAML list of',
    ],
  },
  'an unknown stage': {
    options: { 'loki-pipeline-stages': '- json: {expressions: {a: }}\n\n- lables: {a: }\n' },
    says: ['loki-pipeline-stages: ', 'stage 2, line 3', '"lables" (did you mean labels?)'],
  },
  'a stage that does not fit here': {
    options: { 'loki-pipeline-stages': '- geoip: {db: x}' },
    says: ['loki-pipeline-stages: ', 'geoip', 'line 1'],
  },
  'a pattern in a stage': {
    options: { 'loki-pipeline-stages': '- regex:\n    expression: "(a"\n' },
    says: ['stage 1 (regex), line 2', 'expression "(a"', 'missing closing )'],
  },
  'the pattern of multi-line entries': {
    options: { 'multiline-pattern': '[' },
    says: ['multiline-pattern: "["', 'allowed is a regular expression of Go'],
  },
  'a template of a label': {
    options: { 'loki-external-labels': 'a={{.Nme}}' },
    says: ['loki-external-labels: the label a: "{{.Nme}}"', 'field Nme', 'allowed are fields'],
  },
  'a template of a tag': {
    options: { tag: '{{if .Name}}' },
    says: ['tag: "{{if .Name}}"', 'allowed is a template'],
  },
  'a template in a stage': {
    options: {
      'loki-pipeline-stages.eu': '- template: {source: a, template: "{{ .Value | now }}"}',
    },
    says: ['loki-pipeline-stages.eu: ', 'stage 1 (template), line 1', 'now'],
  },
  'a file that is not there': {
    options: { 'loki-pipeline-stage-file': '/files/none.yaml' },
    says: [
      'loki-pipeline-stage-file: the file "/files/none.yaml"',
      'there is none',
      'files.source',
    ],
  },
  'a file with a wrong stage': {
    options: { 'loki-pipeline-stage-file': '/files/wrong.yaml' },
    says: ['"/files/wrong.yaml" is wrong', 'stage 1 (json), line 2', 'expressions'],
  },
  'an action of relabelling': {
    options: { 'loki-relabel-config': '- {regex: a, action: labeldrop}\n- {action: remove}\n' },
    says: ['loki-relabel-config: ', 'rule 2, line 2', '"remove"', 'labeldrop, labelkeep'],
  },
  'two of them, told at once': {
    options: { 'loki-level': 'loud', 'loki-drop-blank': 'perhaps' },
    says: ['loki-level: "loud"', 'off, auto, label or metadata', 'loki-drop-blank: "perhaps"'],
  },
};

const numbersTo = (count: number): number[] =>
  Array.from({ length: count }, (_, index) => index + 1);
