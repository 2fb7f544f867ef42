/**
 * Entry of the sealing thread: compresses one segment after another. Killing it at any instant
 * is harmless: a segment is there raw, or sealed, and what is half done has a temporary name.
 */
import { parentPort } from 'node:worker_threads';
import { messageOf } from '../base/errors.ts';
import { nodeFileSystem } from '../base/file-system.ts';
import { Quarantine, type SealRequest, sealSegment } from '../wal/index.ts';
import type { FromSealer } from './messages.ts';

const port = parentPort;
if (port === null) throw new Error('this file is the entry of a worker thread');

function seal(request: SealRequest): FromSealer {
  const startedAtMs = performance.now();
  let quarantinedBytes = 0;
  const quarantine = new Quarantine(nodeFileSystem, request.directory, (bytes) => {
    quarantinedBytes += bytes;
  });
  try {
    const result = sealSegment(nodeFileSystem, request, quarantine);
    const seconds = (performance.now() - startedAtMs) / 1000;
    return { kind: 'sealed', result, seconds, quarantinedBytes };
  } catch (error) {
    return { kind: 'failed', cause: messageOf(error), quarantinedBytes };
  }
}

port.on('message', (request: SealRequest) => port.postMessage(seal(request)));
