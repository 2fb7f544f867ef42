/**
 * What dockerd sends and expects, checked at the door. Shapes are those of moby's
 * daemon/logger/{plugin,proxy,loginfo}.go; maps and lists may be null there.
 */
import * as z from 'zod';
import { parseDateNs } from '../base/date-text.ts';
import { DriverError } from '../base/errors.ts';
import type { ContainerIdentity } from '../capture/container-log.ts';
import { isContainerId } from '../wal/index.ts';

const pathLengthMax = 4096;
/** Of a container's command so much is kept, in characters; a label has 2,048 bytes. */
const argumentsLengthMax = 32 * 1024;

const stringMap = z
  .record(z.string(), z.string())
  .nullish()
  .transform((map) => map ?? {});
const text = z
  .string()
  .nullish()
  .transform((value) => value ?? '');
/** A list of texts, cut behind so many bytes: a command may be as long as the kernel lets it. */
const argumentList = z
  .array(z.string())
  .nullish()
  .transform((list) => cutList(list ?? []));
const fifoPath = z
  .string()
  .max(pathLengthMax)
  .refine((path) => path.startsWith('/'), 'must be an absolute path');

const containerIdText = z.string().refine(isContainerId, 'must be 64 hexadecimal digits');

const startLoggingSchema = z.object({
  File: fifoPath,
  Info: z.object({
    ContainerID: containerIdText,
    ContainerName: text,
    ContainerImageID: text,
    ContainerImageName: text,
    ContainerCreated: text,
    ContainerEntrypoint: text,
    ContainerArgs: argumentList,
    ContainerEnv: z
      .array(z.string())
      .nullish()
      .transform((list) => list ?? []),
    ContainerLabels: stringMap,
    LogPath: text,
    Config: stringMap,
  }),
});

const stopLoggingSchema = z.object({ File: fifoPath });

/** A date; the zero time of Go and whatever lies before 1970 stand for no bound. */
const bound = z
  .string()
  .nullish()
  .transform((value, context) => {
    const timeNs = parseDateNs(value ?? '0001-01-01T00:00:00Z');
    if (timeNs === undefined) context.addIssue('must be a date such as 2026-01-02T15:04:05.5Z');
    return timeNs !== undefined && timeNs > 0n ? timeNs : undefined;
  });

const readLogsSchema = z.object({
  Info: z.object({ ContainerID: containerIdText }),
  Config: z.object({
    Since: bound,
    Until: bound,
    // Below 0: all.
    Tail: z.number().int().nullish(),
    Follow: z.boolean().nullish(),
  }),
});

/** A checked StartLogging. */
export interface StartLoggingRequest {
  file: string;
  /** Without any of the environment. */
  identity: ContainerIdentity;
  /** All of the container's environment, which holds secrets: not to be kept, nor logged. */
  environment: string[];
}

/** Checks the body of StartLogging. Throws `invalid_request`, naming what is wrong. */
export function parseStartLogging(body: unknown): StartLoggingRequest {
  const result = startLoggingSchema.safeParse(body);
  if (!result.success) throw invalidRequest('StartLogging', result.error);
  const { File: file, Info: info } = result.data;
  const identity: ContainerIdentity = {
    containerId: info.ContainerID,
    containerName: info.ContainerName.replace(/^\//, ''),
    imageId: info.ContainerImageID,
    imageName: info.ContainerImageName,
    createdAt: info.ContainerCreated,
    labels: info.ContainerLabels,
    entrypoint: info.ContainerEntrypoint.slice(0, argumentsLengthMax),
    args: info.ContainerArgs,
    ...(info.LogPath === '' ? {} : { logPath: info.LogPath.slice(0, pathLengthMax) }),
    logOpts: info.Config,
  };
  return { file, identity, environment: info.ContainerEnv };
}

function cutList(list: readonly string[]): string[] {
  let length = 0;
  const end = list.findIndex((each) => {
    length += each.length;
    return length > argumentsLengthMax;
  });
  return end < 0 ? [...list] : list.slice(0, end);
}

/** A checked ReadLogs. */
export interface ReadLogsRequest {
  containerId: string;
  /** Unix nanoseconds; both bounds belong to what is wanted. */
  sinceNs?: bigint;
  untilNs?: bigint;
  /** So many lines of the end; all without it. */
  tail?: number;
  follow: boolean;
}

/** Checks the body of ReadLogs. Throws `invalid_request`, naming what is wrong. */
export function parseReadLogs(body: unknown): ReadLogsRequest {
  const result = readLogsSchema.safeParse(body);
  if (!result.success) throw invalidRequest('ReadLogs', result.error);
  const { Info: info, Config: config } = result.data;
  const { Since: sinceNs, Until: untilNs, Tail: tail } = config;
  return {
    containerId: info.ContainerID,
    ...(sinceNs === undefined ? {} : { sinceNs }),
    ...(untilNs === undefined ? {} : { untilNs }),
    ...(typeof tail === 'number' && tail >= 0 ? { tail } : {}),
    follow: config.Follow ?? false,
  };
}

/** The FIFO that StopLogging names, or undefined: it is never an error (facts, 4.6). */
export function parseStopLogging(body: unknown): string | undefined {
  return stopLoggingSchema.safeParse(body).data?.File;
}

function invalidRequest(call: string, error: z.ZodError): DriverError {
  const problems = error.issues.map((issue) => {
    const where = issue.path.join('.') || 'the body';
    return `${where}: ${issue.message}`;
  });
  return new DriverError('invalid_request', `${call}: ${problems.join('; ')}`);
}
