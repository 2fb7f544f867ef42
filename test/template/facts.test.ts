import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dockerFunctions } from '../../src/template/docker-functions.ts';
import { answerTo, assertAgrees, facts } from '../helpers/go-facts.ts';

test('Docker templates give what Go gives', () => {
  assert.ok(facts.docker.length > 150);
  for (const [source, expected] of facts.docker) assertAgrees(source, expected, dockerFunctions);
});

test('printf formats as Go does, with all verbs and flags', () => {
  assert.ok(facts.printf.length > 300);
  for (const [source, expected] of facts.printf) assertAgrees(source, expected, dockerFunctions);
});

test("messages of an action that fails are mostly Go's own", () => {
  const failing = facts.docker.filter(([, expected]) => typeof expected === 'object');
  const same = failing.filter(([source, expected]) => {
    const [message = ''] = Object.values(answerTo(source, dockerFunctions));
    const [wanted = ''] = Object.values(expected);
    return message.endsWith(wanted);
  });
  assert.ok(same.length / failing.length > 0.75, `${same.length} of ${failing.length}`);
});
