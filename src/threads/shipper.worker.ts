/**
 * Entry of a delivery thread: connects a Shipper with the port to the main thread. Killing it
 * at any instant is harmless: all that counts is in the log and in the cursors.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { nodeFileSystem } from '../base/file-system.ts';
import { createLog } from '../base/log.ts';
import { Shipper } from '../shipper/shipper.ts';
import { createLokiHttpSink } from '../sink/loki-http.ts';
import type { FromShipper, ShipperThreadData, ToShipper } from './messages.ts';

const port = parentPort;
if (port === null) throw new Error('this file is the entry of a worker thread');
const data = workerData as ShipperThreadData;

function post(message: FromShipper): void {
  port?.postMessage(message);
}

const shipper = new Shipper({
  disk: nodeFileSystem,
  log: createLog({ level: data.logLevel, thread: 'delivery' }),
  createSink: createLokiHttpSink,
  onAcknowledged: (containerId, lsn, durableLsn, ordinal) =>
    post({ kind: 'acknowledged', containerId, position: { lsn, ordinal, durableLsn } }),
  onLoss: (_containerId, _endpointKey, reason, bytes, frames) =>
    post({ kind: 'loss', reason, bytes, frames: frames ?? 0 }),
  onQuarantined: (bytes) => post({ kind: 'quarantined', bytes }),
});

port.on('message', (message: ToShipper) => {
  switch (message.kind) {
    case 'stream':
      shipper.stream(message.stream);
      break;
    case 'appended':
      shipper.appended(message.containerIds);
      break;
    case 'release':
      shipper.release(message.containerId);
      post({ kind: 'released', containerId: message.containerId });
      break;
    case 'close':
      void shipper.close().then(() => post({ kind: 'closed' }));
      break;
  }
});
