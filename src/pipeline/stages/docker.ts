/**
 * `docker`: unwraps a line of Docker's json-file log, `{"log":"…","stream":"stderr","time":"…"}`:
 * the log becomes the line, the stream a label, and the time its time. It has no options, and is
 * the same as these stages:
 *
 *   - json:      { expressions: { output: log, stream: stream, timestamp: time } }
 *   - labels:    { stream: }
 *   - timestamp: { source: timestamp, format: RFC3339Nano }
 *   - output:    { source: output }
 */
import type { ConfigNode } from '../config-node.ts';
import type { Entry } from '../entry.ts';
import type { StageContext, StageState, StatefulStage } from '../stage.ts';
import { compileJmesPath } from './jmespath.ts';
import { extractJson, type JsonExpression } from './json.ts';
import { setOutput } from './output.ts';
import { extractLabels } from './source.ts';
import { FudgingTimestamp } from './timestamp.ts';
import { stampReader } from './timestamp-formats.ts';

const expressions: readonly JsonExpression[] = [
  ['output', compileJmesPath('log')],
  ['stream', compileJmesPath('stream')],
  ['timestamp', compileJmesPath('time')],
];

/** See the module comment. */
export function compileDocker(config: ConfigNode, { warn }: StageContext): StatefulStage {
  for (const [name, node] of config.entries('docker')) {
    warn(node, `docker has no option ${name}; it is ignored`);
  }
  return new DockerStage();
}

class DockerStage implements StatefulStage {
  readonly #timestamp = new FudgingTimestamp('timestamp', [stampReader('RFC3339Nano', undefined)]);

  process(entry: Entry): boolean {
    extractLabels(entry);
    extractJson(entry, entry.text, expressions);
    const stream = entry.extracted.text('stream');
    if (stream !== undefined) entry.labels = entry.labels.with('stream', stream);
    this.#timestamp.process(entry);
    setOutput(entry, 'output');
    return true;
  }

  snapshot(): StageState {
    return this.#timestamp.snapshot();
  }

  restore(state: StageState | undefined): void {
    this.#timestamp.restore(state);
  }
}
