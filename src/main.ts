/**
 * Runs the driver: listen, take the log, take up what a former process left, serve until a
 * signal. The socket answers before recovery, because dockerd disables a plugin that does not.
 */
import os from 'node:os';
import { setFlagsFromString } from 'node:v8';
import { messageOf } from './base/errors.ts';
import { createLog, type Log } from './base/log.ts';
import { version } from './base/version.ts';
import { parsePluginSettings } from './config/parse.ts';
import { readLogs } from './driver/read-logs.ts';
import { createApp, type LogDriver, listen } from './driver/server.ts';
import { checkStart } from './driver/start-check.ts';
import type { StartLoggingRequest } from './driver/wire.ts';
import { type Engine, startEngine } from './engine.ts';

function createDriver(
  engine: Promise<Engine>,
  recovered: Promise<void>,
  walDir: string,
  log: Log,
): LogDriver {
  const place = { env: process.env, host: os.hostname(), walDir };
  return {
    startLogging: async (request: StartLoggingRequest) => {
      const { containers } = await engine;
      const { identity, warnings } = checkStart(request, place);
      for (const warning of warnings) log.warn({ containerName: identity.containerName }, warning);
      await containers.start(request.file, identity);
    },
    stopLogging: async (file) => {
      const { containers } = await engine;
      if (await containers.stop(file)) return;
      // One that recovery has not come to yet: dockerd lets go of it, with all that is still in
      // it, as soon as it is answered.
      await recovered;
      await containers.stop(file);
    },
    readLogs: async (request, target) => {
      const { containers, history } = await engine;
      return readLogs({ containers, history, recovered }, request, target);
    },
  };
}

/**
 * The plugin is started with a small young generation, in MiB, for this thread: it allocates little,
 * and memory that loading takes once stays resident. Threads that begin later may have the usual
 * one, because stages allocate for each line.
 */
const threadSemiSpaceMib = 16;

async function main(): Promise<void> {
  setFlagsFromString(`--max-semi-space-size=${threadSemiSpaceMib}`);
  process.umask(0o077);
  const settings = parsePluginSettings(process.env);
  const log = createLog({ level: settings.logLevel, thread: 'main' });
  process.on('uncaughtException', (error) => {
    log.error({ cause: error.stack }, 'unexpected failure; the process ends and is started again');
    process.exit(1);
  });
  const socketPath = process.env['HOLDFAST_SOCKET'] ?? '/run/docker/plugins/holdfast.sock';
  const engine = Promise.withResolvers<Engine>();
  const recovered = Promise.withResolvers<void>();
  const driver = createDriver(engine.promise, recovered.promise, settings.walDir, log);
  const server = await listen(createApp(driver, log), socketPath);
  log.info({ version, socketPath, walDir: settings.walDir }, 'listening');
  const started = await startEngine(settings, log);
  engine.resolve(started);

  const stop = (signal: string): void => {
    log.info({ signal }, 'stopping; what is in the pipes stays there for the next start');
    server.close();
    void started.close().then(() => process.exit(0));
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  await started.recover();
  recovered.resolve();
}

try {
  await main();
} catch (error) {
  createLog({ level: 'error', thread: 'main' }).error({ cause: messageOf(error) }, 'cannot start');
  process.exit(1);
}
