import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readMetadata, readPush } from '../../src/encode/push-reader.ts';
import type { PipelineText, StreamRun } from '../../src/pipeline/plan.ts';
import { EntryWriter } from '../../src/shipper/entry-writer.ts';
import { decodePush } from '../helpers/logproto.ts';
import { targetOf } from './source-bench.ts';

const lines = { maxLineBytes: 1000, longLines: 'truncate' } as const;
const plain: PipelineText = { level: 'off', dropBlank: false };

function runOf(fromLsn: number, name: string, more: Partial<StreamRun> = {}): StreamRun {
  const labels: [string, string][] = [['run', name]];
  return {
    fromLsn,
    labels: { stdout: labels, stderr: labels },
    metadata: [['image', name]],
    ...more,
  };
}

function append(writer: EntryWriter, text: string, lsn: number): void {
  const bytes = Buffer.from(text);
  const line = { isStderr: false, seconds: 1_700_000_000, nanos: lsn };
  writer.append(line, lsn, lsn, bytes, 0, bytes.length);
}

test('a run that relabelling drops ships no line about its losses either', () => {
  const runs = [runOf(0, 'kept'), runOf(100, 'dropped', { isDropped: true })];
  const writer = new EntryWriter({ runs, pipeline: plain, lines });
  const target = targetOf(10_000);
  writer.target = target;
  append(writer, 'one', 10);
  assert.ok(writer.appendLoss(1_700_000_001, 0, 20, Buffer.from('lost here')));
  append(writer, 'two', 110);
  const isTold = writer.appendLoss(1_700_000_002, 0, 120, Buffer.from('lost there'));
  assert.equal(isTold, false);
  const texts = decodePush(target.push.encode()).flatMap(({ entries }) =>
    entries.map((entry) => entry.line.toString()),
  );
  assert.deepEqual(texts, ['one', 'lost here']);
  assert.deepEqual(
    writer.takeCounts().flatMap(({ dropped }) => [...dropped]),
    [['relabel', 2]],
  );
});

test('a held line keeps the structured metadata of its run, whatever runs are learned meanwhile', () => {
  const runs = [runOf(0, 'first'), runOf(100, 'second'), runOf(200, 'third')];
  const pipeline = { ...plain, multilinePattern: '^\\S' };
  const writer = new EntryWriter({ runs, pipeline, lines });
  const target = targetOf(10_000);
  writer.target = target;
  append(writer, 'held', 110);
  writer.runs = [...runs, runOf(300, 'fourth')];
  writer.pipeline?.flush();
  const request = target.push.encode();
  const [stream] = readPush(request) ?? [];
  assert.equal(stream?.labels, '{run="second"}');
  const [entry] = stream.entries;
  assert.ok(entry !== undefined);
  assert.deepEqual(readMetadata(request, entry), [{ name: 'image', value: 'second' }]);
});
