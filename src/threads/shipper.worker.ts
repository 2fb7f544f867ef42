/**
 * Entry of a delivery thread: connects a Shipper with the port to the main thread. Killing it
 * at any instant is harmless: all that counts is in the log and in the cursors.
 */
import { isDeepStrictEqual } from 'node:util';
import { parentPort, workerData } from 'node:worker_threads';
import { nodeFileSystem as disk } from '../base/file-system.ts';
import { createLog } from '../base/log.ts';
import type { RejectedEntry } from '../rejected/entry.ts';
import { RejectedStore } from '../rejected/store.ts';
import { Shipper } from '../shipper/shipper.ts';
import { createSink } from '../sink/create.ts';
import type { FromShipper, ShipperThreadData, ToShipper } from './messages.ts';

const port = parentPort;
if (port === null) throw new Error('this file is the entry of a worker thread');
const data = workerData as ShipperThreadData;
const log = createLog({ level: data.logLevel, thread: 'delivery' });

/** So long between two looks at what there is to tell, in milliseconds. */
const statsMs = 1000;
/** A store that fails is told of this often at most, in milliseconds. */
const complaintMs = 60_000;

function post(message: FromShipper): void {
  port?.postMessage(message);
}

const store = new RejectedStore(disk, data.walRoot, { maxBytes: data.rejectedMaxBytes });
let complainedAtMs = Number.NEGATIVE_INFINITY;

function keepRejected(entries: RejectedEntry[]): void {
  const lost = store.add(entries);
  if (lost === 0) return;
  post({ kind: 'rejected-lost', entries: lost });
  // Whoever wants none of them kept knows that they are lost.
  if (data.rejectedMaxBytes === 0 || performance.now() - complainedAtMs < complaintMs) return;
  complainedAtMs = performance.now();
  log.error({ entries: lost }, 'refused entries could not be kept; they are lost');
}

const shipper = new Shipper({
  disk,
  log,
  createSink: (options) => createSink(options, log),
  onAcknowledged: (containerId, position) => post({ kind: 'acknowledged', containerId, position }),
  onLoss: (endpoint, reason, bytes, frames) =>
    post({ kind: 'loss', endpoint, reason, bytes, frames: frames ?? 0 }),
  onQuarantined: (bytes) => post({ kind: 'quarantined', bytes }),
  onRejected: keepRejected,
  onMetrics: (deltas) => post({ kind: 'measured', deltas }),
});

let told: FromShipper | undefined;

/** Tells the figures, if they are not those that were told last. */
function postStats(): void {
  const stats: FromShipper = {
    kind: 'stats',
    endpoints: shipper.stats(),
    rejectedBytes: store.storedBytes,
  };
  if (isDeepStrictEqual(stats, told)) return;
  told = stats;
  post(stats);
}

const statsTimer = setInterval(postStats, statsMs);

async function close(drainMs: number): Promise<void> {
  await shipper.close({ drainMs });
  clearInterval(statsTimer);
  postStats();
  post({ kind: 'closed' });
}

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
      void close(message.drainMs);
      break;
    default:
      message satisfies never;
  }
});
