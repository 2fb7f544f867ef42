/** Containers that print numbered lines, as end-to-end tests run them. */
import type { Engine } from '../../../scripts/lib/engine.ts';
import { testImage } from '../../../scripts/lib/engine.ts';

/** A program for busybox's awk: `prefix` and a number, padded to about `bytes`, `count` times. */
export function printLines(prefix: string, count: number, bytes = 100, from = 1): string[] {
  const pad = 'x'.repeat(Math.max(0, bytes - prefix.length - 8));
  const program = `BEGIN{for(i=${from};i<=${count};i++) print "${prefix}" i " ${pad}"}`;
  return ['awk', program];
}

/** A shell program that prints `prefix` and a number every `pauseMs`, for ever or `count` times. */
export function tickLines(prefix: string, count: number, pauseMs: number): string[] {
  const micros = pauseMs * 1000;
  return [
    'sh',
    '-c',
    `i=1; while [ $i -le ${count} ]; do echo "${prefix}$i"; i=$((i+1)); usleep ${micros}; done; sleep 600`,
  ];
}

/** Arguments of `docker run` common to all tests. */
export function runArgs(
  name: string,
  options: {
    isRemoved?: boolean;
    driver?: string;
    logOpts?: Record<string, string>;
    isTty?: boolean;
  } = {},
): string[] {
  const logOpts = Object.entries(options.logOpts ?? {}).flatMap(([key, value]) => [
    '--log-opt',
    `${key}=${value}`,
  ]);
  return [
    'run',
    '-d',
    ...(options.isRemoved === true ? ['--rm'] : []),
    ...(options.isTty === true ? ['-t'] : []),
    ...['--network', 'none', '--name', name, '--log-driver', options.driver ?? 'holdfast'],
    ...logOpts,
    testImage,
  ];
}

/** Runs a program in a container to its end. */
export async function runToEnd(
  engine: Engine,
  name: string,
  program: readonly string[],
): Promise<void> {
  await engine.docker(...runArgs(name), ...program);
  await engine.docker('wait', name);
}
