/**
 * The plugin API on its unix socket, as dockerd speaks it (docker.logdriver/1.0). Every answer
 * is JSON with `Err`; nothing here waits for an endpoint, and no input ends the process.
 */
import { unlinkSync } from 'node:fs';
import http from 'node:http';
import express, { type ErrorRequestHandler, type Request, type Response } from 'express';
import { DriverError, errnoOf, messageOf } from '../base/errors.ts';
import { requestBodyBytesMax } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import type { LogTarget } from './read-logs.ts';
import {
  parseReadLogs,
  parseStartLogging,
  parseStopLogging,
  type ReadLogsRequest,
  type StartLoggingRequest,
} from './wire.ts';

/** What stands behind the API. */
export interface LogDriver {
  /** Rejects with a DriverError whose message the user will see as the reason. */
  startLogging(request: StartLoggingRequest): Promise<void>;
  /** Never rejects for a FIFO that is not known. */
  stopLogging(file: string): Promise<void>;
  /** Begins to answer; resolves with what lets go of it once the client has gone. */
  readLogs(request: ReadLogsRequest, target: LogTarget): Promise<() => void>;
}

const contentType = 'application/vnd.docker.plugins.v1.2+json';

function answer(response: Response, status: number, body: object): void {
  response.status(status).type(contentType).send(JSON.stringify(body));
}

function statusOf(error: unknown): number {
  const isCallersFault =
    error instanceof DriverError &&
    ['invalid_option', 'invalid_request', 'fifo_unavailable', 'file_unreadable'].includes(
      error.code,
    );
  return isCallersFault ? 400 : 500;
}

/** The application, apart from any socket. */
export function createApp(driver: LogDriver, log: Log): express.Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use(express.text({ type: () => true, limit: requestBodyBytesMax }));

  app.post('/Plugin.Activate', (_request, response) => {
    answer(response, 200, { Implements: ['LogDriver'] });
  });
  app.post('/LogDriver.Capabilities', (_request, response) => {
    answer(response, 200, { Cap: { ReadLogs: true }, Err: '' });
  });
  app.post('/LogDriver.StartLogging', async (request, response) => {
    await driver.startLogging(parseStartLogging(bodyOf(request)));
    answer(response, 200, { Err: '' });
  });
  app.post('/LogDriver.StopLogging', async (request, response) => {
    await stopLogging(driver, request, log);
    answer(response, 200, { Err: '' });
  });
  app.post('/LogDriver.ReadLogs', async (request, response) => {
    await readLogs(driver, parseReadLogs(bodyOf(request)), response, log);
  });
  app.use((request, response) => {
    answer(response, 404, { Err: `holdfast knows no ${request.method} ${request.path}` });
  });
  app.use(errorHandler(log));
  return app;
}

/**
 * Stops whatever can be stopped. An error would make dockerd keep the FIFO for ever and count
 * the plugin as in use (facts, 4.6), so there is none.
 */
async function stopLogging(driver: LogDriver, request: Request, log: Log): Promise<void> {
  try {
    const file = parseStopLogging(bodyOf(request));
    if (file !== undefined) await driver.stopLogging(file);
  } catch (error) {
    log.warn({ cause: messageOf(error) }, 'StopLogging could not be carried out');
  }
}

/** Streams a log. dockerd, and so `docker logs`, waits for the head of the answer: it goes first. */
async function readLogs(
  driver: LogDriver,
  request: ReadLogsRequest,
  response: Response,
  log: Log,
): Promise<void> {
  response.status(200).type('application/octet-stream');
  response.flushHeaders();
  const gone = Promise.withResolvers<void>();
  response.on('close', gone.resolve);
  // Whoever goes away in the middle is no failure of ours.
  response.on('error', () => {});
  const letGo = await driver.readLogs(request, {
    write: (bytes, done) => void response.write(bytes, () => done()),
    end: () => void response.end(),
    fail: (cause) => {
      const { containerId } = request;
      log.error({ containerId, cause }, 'a log cannot be read any further');
      // Not an end: dockerd is to see that something is missing.
      setImmediate(() => response.destroy());
    },
  });
  await gone.promise;
  letGo();
}

/** The request's JSON. Throws `invalid_request`: a retry of dockerd may come with no body. */
function bodyOf(request: Request): unknown {
  const call = request.path.slice(1);
  const body: unknown = request.body;
  if (typeof body !== 'string' || body.trim() === '') {
    throw new DriverError('invalid_request', `${call}: the request has no body; JSON is expected`);
  }
  try {
    return JSON.parse(body);
  } catch {
    // What the parser says quotes the body, which may hold a password.
    throw new DriverError('invalid_request', `${call}: the body is not JSON`);
  }
}

function errorHandler(log: Log): ErrorRequestHandler {
  return (error: unknown, request, response, _next) => {
    const isTooLarge =
      error instanceof Error && 'type' in error && error.type === 'entity.too.large';
    const status = isTooLarge ? 413 : statusOf(error);
    const text = isTooLarge ? `the body is over ${requestBodyBytesMax} bytes` : messageOf(error);
    log.warn({ call: request.path, status, err: text }, 'a call of dockerd failed');
    if (response.headersSent) response.destroy();
    // dockerd hangs for ever on a StopLogging that fails, whatever the reason.
    else if (request.path === '/LogDriver.StopLogging') answer(response, 200, { Err: '' });
    else answer(response, status, { Err: text });
  };
}

/** Serves the application at a socket path, taking over one that a dead process left. */
export async function listen(app: express.Express, socketPath: string): Promise<http.Server> {
  try {
    unlinkSync(socketPath);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
  const server = http.createServer(app);
  // dockerd keeps its connection; one that we close under its next call makes it retry that
  // call, possibly with an empty body (facts, 4.4).
  server.keepAliveTimeout = 0;
  server.timeout = 0;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(socketPath, resolve);
  });
  return server;
}
