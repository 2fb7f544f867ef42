import assert from 'node:assert/strict';
import fs from 'node:fs';
import { describe, it } from 'node:test';
import { nodeFileSystem } from '../../src/base/file-system.ts';
import { ObservedClock } from '../../src/wal/index.ts';
import { FaultyDisk } from '../helpers/faulty-disk.ts';
import { temporaryDirectory } from '../helpers/stream-bench.ts';

/** Clocks that a test sets. */
class TestSources {
  wall = 1_800_000_000_000;
  monotonic = 5000;
  readonly wallMs = (): number => this.wall;
  readonly monotonicMs = (): number => this.monotonic;
}

describe('the observed clock', () => {
  it('begins at the wall time and goes with the monotonic one', () => {
    using directory = temporaryDirectory();
    const sources = new TestSources();
    const clock = new ObservedClock(nodeFileSystem, directory.path, sources);
    assert.equal(clock.now(), 1_800_000_000_000);
    assert.equal(clock.countFromMs, 1_800_000_000_000);
    sources.monotonic += 250;
    sources.wall += 1e12;
    assert.equal(clock.now(), 1_800_000_000_250, 'a jump of the wall clock changes nothing');
    sources.monotonic -= 10_000;
    assert.equal(clock.now(), 1_800_000_000_000, 'it never falls behind its beginning');
  });

  it('goes on where it was saved, however long nothing ran and whatever the wall clock says', () => {
    for (const jump of [3e10, -3e11]) {
      using directory = temporaryDirectory();
      const sources = new TestSources();
      const first = new ObservedClock(nodeFileSystem, directory.path, sources);
      sources.monotonic += 1000;
      assert.ok(first.save());
      sources.wall += jump;
      sources.monotonic = 3;
      const second = new ObservedClock(nodeFileSystem, directory.path, sources);
      assert.equal(second.now(), 1_800_000_001_000);
      assert.equal(second.countFromMs, 1_800_000_000_000);
    }
  });

  it('makes nothing old when its file is damaged or gone', () => {
    const contents = ['', '{"version":1', '{"version":1,"observedMs":-5,"countFromMs":0}', 'null'];
    // No time fits into a segment's header that is above what a number holds exactly.
    contents.push('{"version":1,"observedMs":1e300,"countFromMs":0}');
    contents.push('{"version":1,"observedMs":5,"countFromMs":6}');
    contents.push('{"version":1,"observedMs":5.5,"countFromMs":5.5}', '\0'.repeat(70));
    for (const content of [...contents, '{"version":2,"observedMs":1,"countFromMs":1}']) {
      using directory = temporaryDirectory();
      fs.writeFileSync(`${directory.path}/clock`, content);
      const clock = new ObservedClock(nodeFileSystem, directory.path, new TestSources());
      assert.equal(clock.now(), 1_800_000_000_000, content);
      assert.equal(clock.countFromMs, clock.now(), 'ages count from here on');
    }
  });

  it('says when it cannot be saved, and goes on', () => {
    using directory = temporaryDirectory();
    const disk = new FaultyDisk();
    const clock = new ObservedClock(disk, directory.path, new TestSources());
    disk.fail('writeSync', 'ENOSPC');
    assert.equal(clock.save(), false);
    assert.equal(clock.save(), true);
    assert.equal(disk.openPaths.size, 0);
  });
});
