/** How often people are told of an endpoint that takes nothing, or refuses some. */
import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { createLog } from '../../src/base/log.ts';
import { Complaints } from '../../src/shipper/complaints.ts';
import type { Retry } from '../../src/sink/sink.ts';

const outage: Retry = { kind: 'retry', cause: 'outage', reason: 'down' };
const settings: Retry = { kind: 'retry', cause: 'settings', reason: '401' };

describe('complaints', () => {
  let said: { level: string; msg: string; entries?: number; attempts?: number }[];
  let complaints: Complaints;

  beforeEach(() => {
    said = [];
    const write = (text: string): void => {
      said.push(JSON.parse(text) as (typeof said)[number]);
    };
    complaints = new Complaints(createLog({ level: 'info', thread: 'test', write }));
  });

  it('of wrong settings are errors, at once and then once a minute', () => {
    for (let now = 0; now <= 180_000; now += 5000) complaints.failed(now, settings, 1, 5000);
    assert.equal(said.length, 4);
    for (const { level, msg } of said) {
      assert.equal(level, 'error');
      assert.equal(msg, 'the endpoint takes nothing until its settings are mended');
    }
  });

  it('come at once when the cause is another one', () => {
    complaints.failed(0, outage, 1, 5000);
    complaints.failed(1000, settings, 2, 5000);
    assert.deepEqual(
      said.map(({ level }) => level),
      ['warn', 'error'],
    );
  });

  it('of an endpoint that comes and goes are made every ten seconds at most', () => {
    for (let now = 0; now < 30_000; now += 500) {
      complaints.failed(now, outage, 1, 100);
      complaints.answered(1);
    }
    assert.equal(said.filter(({ level }) => level === 'warn').length, 3);
  });

  it('end with a word that it is over, if anything was wrong', () => {
    complaints.answered(0);
    assert.equal(said.length, 0);
    complaints.failed(0, outage, 1, 100);
    complaints.answered(3);
    complaints.answered(0);
    assert.deepEqual(said.map(({ msg, attempts }) => [msg, attempts]).slice(1), [
      ['the endpoint takes logs again', 4],
    ]);
  });

  it('of refused entries add up what nothing was said of, and leave none out', () => {
    const refusal = { status: 400, reason: 'too old', rejectedEntries: 0 };
    for (let now = 0; now < 25_000; now += 1000) complaints.refused(now, 2, refusal);
    complaints.flush();
    complaints.flush();
    assert.deepEqual(
      said.map(({ entries }) => entries),
      [2, 20, 20, 8],
    );
  });
});
