import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Sends } from '../../src/sink/sends.ts';
import type { SendResult } from '../../src/sink/sink.ts';

const delivered: SendResult = { kind: 'delivered' };
const closed: SendResult = { kind: 'retry', cause: 'outage', reason: 'closed' };

function sendsOf(timeoutMs: number): Sends {
  return new Sends(timeoutMs, (error) => {
    return { kind: 'retry', cause: 'outage', reason: `explained: ${String(error)}` };
  });
}

/** Work that never ends, such as the reading of a file on a server that is gone. */
async function never(): Promise<SendResult> {
  return new Promise(() => undefined);
}

test('ends work in time that takes no notice of its signal', async () => {
  const result = await sendsOf(50).run(never);
  assert.ok(result.kind === 'retry');
  assert.match(result.reason, /^explained: Error: no answer within 50 ms$/);
});

test('explains what work throws, before and after it was told to stop', async () => {
  const thrown = await sendsOf(10_000).run(async () => assert.fail('at once'));
  assert.ok(thrown.kind === 'retry');
  assert.match(thrown.reason, /at once/);
  const late = Promise.withResolvers<SendResult>();
  const result = await sendsOf(20).run(() => late.promise);
  assert.ok(result.kind === 'retry');
  assert.match(result.reason, /no answer within 20 ms/);
  // Nobody listens any more; it must not end the process either.
  late.reject(new Error('too late'));
  await new Promise(setImmediate);
});

test('work that has its answer is not cut off by the timeout', async () => {
  const result = await sendsOf(20).run(async (_signal, answered) => {
    answered();
    await new Promise((resolve) => setTimeout(resolve, 100));
    return delivered;
  });
  assert.deepEqual(result, delivered);
});

test('close ends all work, answered or not, and what comes later', async () => {
  const sends = sendsOf(10_000);
  const answeredWork = sends.run(async (_signal, answered) => {
    answered();
    return never();
  });
  const all = [sends.run(never), answeredWork];
  sends.close();
  sends.close();
  all.push(sends.run(async () => delivered));
  assert.deepEqual(await Promise.all(all), [closed, closed, closed]);
});
