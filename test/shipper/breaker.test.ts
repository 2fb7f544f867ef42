/** When an endpoint may be asked again: five failures in a row, backoff, and what ends it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { Breaker, type Failure, failuresToOpen } from '../../src/shipper/breaker.ts';

const outage: Failure = { cause: 'outage' };
/** Draws the longest wait always. */
const longest = (): number => 1;

function breaker(minMs = 100, maxMs = 1000): Breaker {
  return new Breaker({ minMs, maxMs }, longest);
}

test('opens at the fifth failure in a row, and not at five with a success between them', () => {
  const one = breaker();
  for (let failures = 1; failures <= 4; failures += 1) {
    assert.equal(one.failed(failures * 10_000, outage), false);
    assert.equal(one.state(failures * 10_000), 'closed');
  }
  one.succeeded(45_000);
  for (let failures = 1; failures <= 4; failures += 1) {
    assert.equal(one.failed(50_000 + failures * 10_000, outage), false);
  }
  assert.equal(one.failed(100_000, outage), true, 'says that it opened, once');
  assert.equal(one.state(100_000), 'open');
  assert.equal(one.failed(200_000, outage), false);
});

test('is half open when the backoff is over, opens again for longer, and closes on a success', () => {
  const one = breaker();
  let now = 0;
  const waits: number[] = [];
  for (let failures = 0; failures < failuresToOpen + 2; failures += 1) {
    one.failed(now, outage);
    waits.push(one.waitMs(now));
    if (failures >= failuresToOpen - 1) {
      assert.equal(one.state(now), 'open');
      assert.equal(one.state(now + one.waitMs(now) - 1), 'open');
      assert.equal(one.state(now + one.waitMs(now)), 'half-open');
    }
    now += one.waitMs(now);
  }
  assert.deepEqual(waits, [100, 200, 400, 800, 1000, 1000, 1000]);
  one.succeeded(now);
  assert.equal(one.state(now), 'closed');
  assert.equal(one.waitMs(now), 0);
  one.failed(now, outage);
  assert.equal(one.waitMs(now), 100, 'the next outage begins with the shortest wait');
});

test('requests that fail side by side make one wait', () => {
  const one = breaker();
  for (let request = 0; request < 4; request += 1) one.failed(request, outage);
  assert.equal(one.failures, 4);
  assert.equal(one.waitMs(3), 97);
});

test('waits as long as the endpoint asks for, even if another request is answered meanwhile', () => {
  const one = breaker();
  one.failed(0, { cause: 'limit', afterMs: 30_000 });
  assert.equal(one.waitMs(0), 30_000);
  one.succeeded(10);
  assert.equal(one.failures, 0);
  assert.equal(one.waitMs(10), 29_990);
});

test('the answer to a request from before the failure does not end the wait', () => {
  const one = breaker();
  one.failed(50, outage);
  one.succeeded(20);
  assert.equal(one.waitMs(50), 100);
  one.succeeded(60);
  assert.equal(one.waitMs(60), 0);
});

test('what somebody has to mend is tried again after 5 to 60 seconds', () => {
  const quick = breaker(1, 2);
  const slow = breaker(400_000, 500_000);
  const settings: Failure = { cause: 'settings' };
  quick.failed(0, settings);
  slow.failed(0, settings);
  assert.equal(quick.waitMs(0), 5000);
  assert.equal(slow.waitMs(0), 60_000);
});

test('under any failures and successes it lets requests through in the end', () => {
  const step = fc.record({
    afterMs: fc.nat({ max: 5000 }),
    kind: fc.constantFrom('outage', 'limit', 'settings', 'success'),
    askedMs: fc.option(fc.nat({ max: 10_000 }), { nil: undefined }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const one = breaker();
      let now = 0;
      let inRow = 0;
      for (const { afterMs, kind, askedMs } of steps) {
        now += afterMs;
        if (kind === 'success') {
          inRow = 0;
          one.succeeded(now);
          assert.equal(one.state(now), 'closed');
        } else {
          inRow += 1;
          const asked = askedMs === undefined ? {} : { afterMs: askedMs };
          one.failed(now, { cause: kind, ...asked });
          assert.ok(one.waitMs(now) > 0, 'a failure is never followed at once');
          assert.ok(one.waitMs(now) >= (askedMs ?? 0));
        }
        assert.equal(one.failures, inRow);
        assert.equal(one.state(now) === 'closed', inRow < failuresToOpen);
        assert.ok(one.waitMs(now) <= 60_000);
        assert.notEqual(one.state(now + 60_000), 'open');
      }
    }),
    { numRuns: 200 },
  );
});
