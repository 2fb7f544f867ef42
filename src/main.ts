/**
 * Puts the rooms together and runs them: listen, take the lock, take up what a former process
 * left, serve until a signal. The socket answers before recovery, because dockerd disables a
 * plugin that does not.
 */
import os from 'node:os';
import { setImmediate } from 'node:timers/promises';
import { messageOf } from './base/errors.ts';
import { nodeFileSystem } from './base/file-system.ts';
import { createLog, type Log } from './base/log.ts';
import { version } from './base/version.ts';
import { Containers } from './capture/containers.ts';
import { LandingArea } from './capture/landing.ts';
import { parseLogOpts, parsePluginSettings } from './config/parse.ts';
import { DeliveryLink } from './driver/delivery-link.ts';
import { createApp, type LogDriver, listen } from './driver/server.ts';
import type { StartLoggingRequest } from './driver/wire.ts';
import { Delivery } from './threads/delivery.ts';
import { acquireLock, EndpointRegistry, openWalRoot, type WalLock } from './wal/index.ts';

const segmentLimits = { segmentBytesMax: 16 << 20, segmentAgeMsMax: 5 * 60_000 };
const disk = nodeFileSystem;

/** Everything that runs once the WAL is ours. */
interface Engine {
  lock: WalLock;
  landing: LandingArea;
  delivery: Delivery;
  containers: Containers;
}

async function startEngine(root: string, logLevel: string, log: Log): Promise<Engine> {
  disk.mkdirSync(root, { recursive: true, mode: 0o700 });
  const lock = await acquireLock(root, `holdfast ${version}, pid ${process.pid}`);
  await openWalRoot(disk, root);
  const registry = new EndpointRegistry(disk, root);
  const delivery = new Delivery({
    log,
    logLevel,
    events: {
      onAcknowledged: (containerId, ackLsn, durableLsn) =>
        containers.acknowledged(containerId, ackLsn, durableLsn),
      onReleased: (containerId) => containers.released(containerId),
    },
  });
  const link = new DeliveryLink({
    delivery,
    containers: () => containers,
    registry,
    env: process.env,
    host: os.hostname(),
    log,
  });
  const now = Date.now;
  const landing = new LandingArea(root, log);
  const options = { disk, root, landing, log, now, hooks: link, ...segmentLimits };
  const containers = new Containers(options);
  return { lock, landing, delivery, containers };
}

/** Takes up every container on disk, one at a time, so that dockerd's calls come in between. */
async function recover({ containers, landing }: Engine, log: Log): Promise<void> {
  const startedAtMs = performance.now();
  const ids = containers.listOnDisk();
  let failed = 0;
  for (const containerId of ids) {
    if (!containers.recover(containerId)) failed += 1;
    await setImmediate();
  }
  // What landed for a container that cannot be read now may be taken in by the next start.
  if (failed === 0) landing.forgetLeftovers();
  const recoverySeconds = (performance.now() - startedAtMs) / 1000;
  log.info({ containers: ids.length, failed, recoverySeconds }, 'recovered');
}

function createDriver(engine: Promise<Engine>, recovered: Promise<void>, log: Log): LogDriver {
  return {
    startLogging: async ({ file, identity }: StartLoggingRequest) => {
      const { containers } = await engine;
      const { warnings } = parseLogOpts(identity.logOpts, process.env);
      for (const warning of warnings) log.warn({ containerName: identity.containerName }, warning);
      await containers.start(file, identity);
    },
    stopLogging: async (file) => {
      const { containers } = await engine;
      if (containers.stop(file)) return;
      // One that recovery has not come to yet: dockerd lets go of it, with all that is still in
      // it, as soon as it is answered.
      await recovered;
      containers.stop(file);
    },
  };
}

async function main(): Promise<void> {
  process.umask(0o077);
  const { logLevel, walDir } = parsePluginSettings(process.env);
  const log = createLog({ level: logLevel, thread: 'main' });
  process.on('uncaughtException', (error) => {
    log.error({ cause: error.stack }, 'unexpected failure; the process ends and is started again');
    process.exit(1);
  });
  const socketPath = process.env['HOLDFAST_SOCKET'] ?? '/run/docker/plugins/holdfast.sock';
  const engine = Promise.withResolvers<Engine>();
  const recovered = Promise.withResolvers<void>();
  const driver = createDriver(engine.promise, recovered.promise, log);
  const server = await listen(createApp(driver, log), socketPath);
  log.info({ version, socketPath, walDir }, 'listening');
  const started = await startEngine(walDir, logLevel, log);
  engine.resolve(started);

  const stop = (signal: string): void => {
    log.info({ signal }, 'stopping; what is in the pipes stays there for the next start');
    server.close();
    started.containers.close();
    void started.delivery
      .close()
      .then(() => started.lock.release())
      .then(() => process.exit(0));
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  await recover(started, log);
  recovered.resolve();
}

try {
  await main();
} catch (error) {
  createLog({ level: 'error', thread: 'main' }).error({ cause: messageOf(error) }, 'cannot start');
  process.exit(1);
}
