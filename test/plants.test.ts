/** The bugs that `make test-long` plants have their place in the code, each once: code moves on. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { misfit, plants } from './long/plants.ts';

test('the planted bugs fit the code', () => {
  const top = path.resolve(import.meta.dirname, '..');
  const misfits = plants.flatMap((plant) => {
    return misfit(plant, fs.readFileSync(`${top}/${plant.file}`, 'utf8')) ?? [];
  });
  assert.equal(misfits.length, 0, `bring test/long/plants.ts up to date:\n${misfits.join('\n')}`);
});
