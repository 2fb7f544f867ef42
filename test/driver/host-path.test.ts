/** Where a directory of the plugin is on the host, from the kernel's list of mounts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostPathOf } from '../../src/driver/host-path.ts';

const mounts = `
21 1 0:20 / / rw - overlay overlay rw
22 21 8:1 /var/lib/docker/plugins/ab/propagated-mount /run/docker/logging rw shared:1 - ext4 /dev/sda1 rw
23 21 8:1 /my\\040files /run/docker ro - ext4 /dev/sda1 rw
24 21 0:5 / /run/docker/logging2 rw - tmpfs tmpfs rw
`;

test('the nearest mount around a path says where it is', () => {
  const rows = [
    ['/run/docker/logging/wal/c/ab', '/var/lib/docker/plugins/ab/propagated-mount/wal/c/ab'],
    ['/run/docker/logging', '/var/lib/docker/plugins/ab/propagated-mount'],
    ['/run/docker/other', '/my files/other'],
  ] as const;
  for (const [inside, outside] of rows)
    assert.equal(
      hostPathOf(inside, () => mounts),
      outside,
    );
});

test('where nothing is known, the path stands for itself', () => {
  assert.equal(
    hostPathOf('/var/wal', () => mounts),
    '/var/wal',
  );
  assert.equal(
    hostPathOf('/var/wal', () => ''),
    '/var/wal',
  );
  const fail = (): string => {
    throw new Error('no /proc');
  };
  assert.equal(hostPathOf('/var/wal', fail), '/var/wal');
  assert.ok(hostPathOf('/').startsWith('/'));
});
