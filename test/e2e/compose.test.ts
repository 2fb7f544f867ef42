/**
 * Options in the files that users write: services of docker-compose, stacks and services of a swarm
 * go to the endpoint under the labels that their options, labels and templates say, each run of a
 * container under the name that it had then.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import { after, before, describe, it } from 'node:test';
import { Engine, testImage } from '../../scripts/lib/engine.ts';
import { run } from '../../scripts/lib/run.ts';
import { LokiDouble } from '../helpers/loki-double/loki-double.ts';
import { runArgs } from './helpers/containers.ts';
import { Plugin } from './helpers/plugin.ts';

const arrivalMsMax = 30_000;
const project = 'shop';
/** A program of the shell that prints so many numbered lines. */
const count = (prefix: string, lines: number): string =>
  `awk 'BEGIN{for(i=1;i<=${lines};i++) print "${prefix}" i}'`;
/** `$$` is a `$` of a compose file. */
const composeFile = (lokiUrl: string): string => `
version: '2.4'
services:
  web:
    image: ${testImage}
    network_mode: none
    command:
      - sh
      - -c
      - ${count('w ', 500)}; echo oops >&2
    labels:
      com.example.team: frontend
      com.example.other: no label of the stream
    environment:
      DEPLOY-ENV: production
      SECRET: not for the log
    logging:
      driver: holdfast
      options:
        loki-url: ${lokiUrl}
        labels: com.example.team
        env: DEPLOY-ENV
        tag: '{{.ImageName}}/{{.Name}}'
        loki-external-labels: >-
          container={{.Name}},
          team={{index .ContainerLabels "com.example.team" | upper}},
          kind={{if eq .ImageName "${testImage}"}}{{printf "%s-%d" "test" (len .ID)}}{{end}}
  worker:
    image: ${testImage}
    network_mode: none
    command: ['sh', '-c', 'echo "{\\"level\\":\\"warn\\",\\"msg\\":\\"it costs 5 $$\\"}"']
    logging:
      driver: holdfast
      options:
        loki-url: ${lokiUrl}
        loki-structured-metadata: 'false'
        loki-pipeline-stages: |
          - json:
              expressions: { level: , msg: }
          - labels: { level: }
          - output: { source: msg }
`;
const stackFile = (lokiUrl: string): string => `
version: '3.8'
services:
  api:
    image: ${testImage}
    networks: [of-host]
    command:
      - sh
      - -c
      - ${count('a ', 50)}; sleep 600
    logging:
      driver: holdfast
      options:
        loki-url: ${lokiUrl}
        loki-external-labels: service={{index .ContainerLabels "com.docker.swarm.service.name"}}
networks:
  of-host:
    external: true
    name: host
`;

describe('what users write into their files', () => {
  const engine = new Engine();
  const plugin = new Plugin(engine);
  const loki = new LokiDouble();
  const host = os.hostname();

  before(async () => {
    await loki.start();
    await engine.start();
    await engine.importTestImage();
    // No endpoint of its own: the files name it.
    await plugin.create({ LOKI_MAX_BACKOFF: '1s', HISTORY_MAX_AGE: '1h' });
  });

  after(async () => {
    await engine.dispose();
    await loki.stop();
  });

  /** Runs docker-compose with the file's text, as a user does in the directory of a project. */
  async function compose(text: string, ...args: string[]): Promise<void> {
    const directory = `${engine.directory}/${project}`;
    fs.mkdirSync(directory, { recursive: true });
    fs.writeFileSync(`${directory}/docker-compose.yml`, text);
    await run('docker-compose', args, { env: engine.env, cwd: directory, timeoutMs: 120_000 });
  }

  /** Texts of the lines of a selector, as a query shows them. */
  const linesOf = (selector: Record<string, string>): string[] =>
    [...loki.lines(selector)].map(({ line }) => line.toString());

  /** The labels of all streams with this one. */
  const labelsOf = (name: string, value: string): Readonly<Record<string, string>>[] =>
    loki.streams().flatMap(({ labels }) => (labels[name] === value ? [labels] : []));

  async function arrived(selector: Record<string, string>, count: number): Promise<void> {
    await loki.waitFor((double) => double.count(selector) >= count, arrivalMsMax);
    assert.equal(loki.count(selector), count, JSON.stringify(selector));
  }

  const numbered = (prefix: string, count: number): string[] =>
    Array.from({ length: count }, (_, index) => `${prefix}${index + 1}`);

  it('services of docker-compose have the labels of project, service, options and templates', async () => {
    await compose(composeFile(loki.url), 'up', '-d');
    await arrived({ compose_service: 'web' }, 501);
    const common = {
      ...{ compose_project: project, compose_service: 'web', host },
      ...{ container: 'shop_web_1', team: 'FRONTEND', kind: 'test-12' },
      ...{ com_example_team: 'frontend', DEPLOY_ENV: 'production' },
      tag: `${testImage}/shop_web_1`,
    };
    const expected = ['stderr', 'stdout'].map((source) => ({ ...common, source }));
    const found = labelsOf('compose_service', 'web');
    const bySource = found.sort((a, b) => ((a['source'] ?? '') < (b['source'] ?? '') ? -1 : 1));
    assert.deepEqual(bySource, expected);
    assert.deepEqual(linesOf({ source: 'stdout', team: 'FRONTEND' }), numbered('w ', 500));
    assert.deepEqual(linesOf({ source: 'stderr', team: 'FRONTEND' }), ['oops']);
  });

  it('each line has container_id and image as structured metadata, unless told otherwise', async () => {
    const id = await engine.docker('inspect', '-f', '{{.Id}}', 'shop_web_1');
    for (const { metadata } of loki.lines({ compose_service: 'web' })) {
      assert.deepEqual(metadata, [
        ['container_id', id],
        ['image', testImage],
      ]);
    }
    await arrived({ compose_service: 'worker' }, 1);
    const [line] = loki.lines({ compose_service: 'worker' });
    assert.deepEqual(line?.metadata, []);
  });

  it('a service next to it has stages of its own, as a block of YAML in the compose file', () => {
    assert.deepEqual(labelsOf('compose_service', 'worker'), [
      {
        ...{ compose_project: project, compose_service: 'worker', host, source: 'stdout' },
        ...{ container_name: 'shop_worker_1', level: 'warn' },
      },
    ]);
    assert.deepEqual(linesOf({ compose_service: 'worker' }), ['it costs 5 $']);
  });

  it('a renamed container has its old lines under the old name, though the endpoint was away', async () => {
    await loki.setMode({ kind: 'down' });
    // Each run says which it is; the file system of a container outlives its restart.
    const print = 'for(i=1;i<=300;i++) print "run " ENVIRON["RUN"] " line " i';
    const program = `echo >> /runs; RUN=$(awk 'END{print NR}' /runs) awk 'BEGIN{${print}}'`;
    const args = runArgs('before', { logOpts: { 'loki-url': loki.url } });
    await engine.docker(...args, 'sh', '-c', program);
    await engine.docker('wait', 'before');
    await engine.docker('rename', 'before', 'after');
    await engine.docker('start', 'after');
    await engine.docker('wait', 'after');
    await loki.setMode({ kind: 'up' });
    await arrived({ container_name: 'after' }, 300);
    await arrived({ container_name: 'before' }, 300);
    assert.deepEqual(linesOf({ container_name: 'before' }), numbered('run 1 line ', 300));
    assert.deepEqual(linesOf({ container_name: 'after' }), numbered('run 2 line ', 300));
  });

  it('a service of a swarm and a stack have their names as labels, and their own options', async () => {
    await engine.docker('swarm', 'init', '--advertise-addr', '127.0.0.1');
    const logging = ['--log-driver', 'holdfast', '--log-opt', `loki-url=${loki.url}`];
    const options = [...logging, '--log-opt', 'loki-level=metadata', '--container-label', 'tier=3'];
    const create = ['service', 'create', '-d', '--no-resolve-image', '--network', 'host'];
    const service = [...create, ...options, '--log-opt', 'labels=tier', '--name', 'sold'];
    const program = 'echo level=error it is gone; sleep 600';
    await engine.docker(...service, testImage, 'sh', '-c', program);
    await arrived({ swarm_service: 'sold' }, 1);
    const [labels] = labelsOf('swarm_service', 'sold');
    assert.match(labels?.['container_name'] ?? '', /^sold\.1\.\w{25}$/);
    const { container_name: _, ...others } = labels ?? {};
    assert.deepEqual(others, { swarm_service: 'sold', tier: '3', host, source: 'stdout' });
    const [line] = loki.lines({ swarm_service: 'sold' });
    assert.deepEqual(line?.metadata.at(-1), ['level', 'error']);

    const file = `${engine.directory}/stack.yml`;
    fs.writeFileSync(file, stackFile(loki.url));
    await engine.docker('stack', 'deploy', '--resolve-image', 'never', '-c', file, 'mall');
    await arrived({ swarm_stack: 'mall' }, 50);
    assert.deepEqual(labelsOf('swarm_stack', 'mall'), [
      {
        swarm_stack: 'mall',
        swarm_service: 'mall_api',
        service: 'mall_api',
        host,
        source: 'stdout',
      },
    ]);
    assert.deepEqual(linesOf({ swarm_stack: 'mall' }), numbered('a ', 50));
  });
});
