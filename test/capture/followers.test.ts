import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Followers } from '../../src/capture/followers.ts';

const [one, two] = ['a'.repeat(64), 'b'.repeat(64)];

test('a follower hears once where the output ended, when a FIFO goes that had some', () => {
  const followers = new Followers();
  const heard: number[] = [];
  followers.add(one, (endLsn) => heard.push(endLsn));
  followers.gone(one, { hadOutput: true, isLast: false, endLsn: 700 });
  followers.gone(one, { hadOutput: true, isLast: true, endLsn: 900 });
  assert.deepEqual(heard, [700]);
});

test('a FIFO that had no output ends nothing while another one is open', () => {
  const followers = new Followers();
  const heard: number[] = [];
  followers.add(one, (endLsn) => heard.push(endLsn));
  followers.gone(one, { hadOutput: false, isLast: false, endLsn: 5 });
  assert.deepEqual(heard, []);
  followers.gone(one, { hadOutput: false, isLast: true, endLsn: 6 });
  assert.deepEqual(heard, [6]);
});

test('the end of a container is no matter of those that follow another one', () => {
  const followers = new Followers();
  const heard: string[] = [];
  followers.add(one, () => heard.push('one'));
  followers.add(two, () => heard.push('two'));
  followers.gone(two, { hadOutput: true, isLast: true, endLsn: 1 });
  assert.deepEqual(heard, ['two']);
  followers.gone('c'.repeat(64), { hadOutput: true, isLast: true, endLsn: 1 });
  assert.deepEqual(heard, ['two']);
});

test('one function that follows twice hears twice, and each of its ends ends one', () => {
  const followers = new Followers();
  const heard: number[] = [];
  const hear = (endLsn: number): void => {
    heard.push(endLsn);
  };
  const first = followers.add(one, hear);
  const second = followers.add(one, hear);
  first();
  first();
  followers.gone(one, { hadOutput: true, isLast: true, endLsn: 1 });
  assert.deepEqual(heard, [1]);
  followers.add(one, hear);
  second();
  followers.gone(one, { hadOutput: true, isLast: true, endLsn: 2 });
  assert.deepEqual(heard, [1, 2], 'an end that comes late takes no other follower away');
});

test('who begins to follow while the end is being told hears of the next one only', () => {
  const followers = new Followers();
  const heard: string[] = [];
  followers.add(one, () => {
    heard.push('first');
    followers.add(one, () => heard.push('second'));
  });
  followers.gone(one, { hadOutput: true, isLast: false, endLsn: 1 });
  assert.deepEqual(heard, ['first']);
  followers.gone(one, { hadOutput: false, isLast: true, endLsn: 1 });
  assert.deepEqual(heard, ['first', 'second']);
});

test('one that stops following while the end is being told hears nothing', () => {
  const followers = new Followers();
  const heard: string[] = [];
  let stopSecond = (): void => {};
  followers.add(one, () => {
    heard.push('first');
    stopSecond();
  });
  stopSecond = followers.add(one, () => heard.push('second'));
  followers.add(one, () => heard.push('third'));
  followers.gone(one, { hadOutput: true, isLast: true, endLsn: 1 });
  assert.deepEqual(heard, ['first', 'third']);
});
