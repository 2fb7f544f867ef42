/**
 * 200 kills of a whole driver in full flow of several containers, with an endpoint that is cut
 * off and answers nonsense in between: what a bad night looks like. Takes a few minutes.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { DriverProcess } from '../helpers/driver-process.ts';
import type { FakeFifo } from '../helpers/fake-dockerd.ts';
import { numberedFrames } from '../helpers/frames.ts';
import type { Mode } from '../helpers/loki-double/faults.ts';
import { LokiDouble } from '../helpers/loki-double/loki-double.ts';

const kills = 200;
const chunk = 500;
const names = ['n1', 'n2', 'n3', 'n4'];
const modes: Mode[] = [
  { kind: 'up' },
  { kind: 'down' },
  { kind: 'up' },
  { kind: 'cut', at: 'answer', everyNth: 2 },
  { kind: 'failing' },
  { kind: 'up' },
  { kind: 'limited' },
];

describe('a driver that is killed again and again', () => {
  const loki = new LokiDouble();
  let driver: DriverProcess;

  before(async () => {
    await loki.start();
    driver = new DriverProcess({ LOKI_URL: loki.url, LOKI_MAX_BACKOFF: '500ms' });
    await driver.start();
  });

  after(async () => {
    await driver.dispose();
    await loki.stop();
  });

  it(`loses and doubles nothing over ${kills} kills`, async () => {
    const fifos = new Map<string, FakeFifo>();
    for (const name of names) fifos.set(name, (await driver.startContainer(name)).fifo);
    const state = { isPrinting: true };
    const printers = [...fifos].map(async ([, fifo]) => {
      let printed = 0;
      while (state.isPrinting) {
        await fifo.write(numberedFrames('n ', printed + 1, printed + chunk));
        printed += chunk;
        await setTimeout(20);
      }
      return printed;
    });
    for (let kill = 0; kill < kills; kill += 1) {
      await setTimeout(Math.random() * 250);
      await loki.setMode(modes[kill % modes.length] ?? { kind: 'up' });
      await driver.kill();
      await driver.start();
    }
    state.isPrinting = false;
    const printed = await Promise.all(printers);
    await loki.setMode({ kind: 'up' });
    for (const fifo of fifos.values()) await driver.stopContainer(fifo);
    await driver.until('all is delivered', () => driver.containersOnDisk().length === 0, 120_000);
    for (const [index, name] of names.entries()) {
      const report = loki.checkNumbered({ container_name: name }, 'n ', printed[index] ?? 0);
      assert.ok(report.ok, `${name}: ${report.summary}`);
    }
  });
});
