/** Runs the real `bin/holdfast` on WAL directories that tests write. */
import { type ChildProcess, spawn } from 'node:child_process';
import { nodeFileSystem as disk } from '../../src/base/file-system.ts';
import { type ContainerRecord, writeContainerRecord } from '../../src/wal/index.ts';
import type { TestLog } from '../helpers/log-writer.ts';

export const bin = `${import.meta.dirname}/../../bin/holdfast`;

/** How a command ended. */
export interface Ended {
  code: number | null;
  stdout: Buffer;
  stderr: string;
}

/** A command under way. */
export interface Started {
  child: ChildProcess;
  ended: Promise<Ended>;
}

/** Starts a command. It has no Docker Engine unless `env` names one. */
export function start(args: readonly string[], env: Record<string, string> = {}): Started {
  const child = spawn(bin, args, {
    env: { PATH: process.env['PATH'], DOCKER_HOST: 'unix:///nowhere/docker.sock', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const stdout: Buffer[] = [];
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout: Buffer.concat(stdout), stderr }));
  });
  return { child, ended };
}

/** Runs a command to its end. */
export async function holdfast(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Ended> {
  return start(args, env).ended;
}

/** The objects that a command printed, one a line. */
export function objectsOf({ stdout }: Ended): Record<string, unknown>[] {
  const lines = stdout.toString().split('\n').filter(Boolean);
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** Puts the record of a container beside its log. */
export function describeContainer(
  { directory, containerId }: Pick<TestLog, 'directory' | 'containerId'>,
  containerName: string,
  rest: Partial<ContainerRecord> = {},
): void {
  const identity = { containerId, containerName, imageId: 'sha256:1', imageName: 'busybox' };
  const other = { createdAt: '2026-01-02T03:04:05Z', labels: {}, logOpts: {}, fifos: [] };
  writeContainerRecord(disk, directory, { ...identity, ...other, ...rest });
}
