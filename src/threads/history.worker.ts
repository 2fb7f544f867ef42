/**
 * Entry of the history thread: reads logs for `docker logs`. Killing it at any instant costs the
 * answers that are under way and nothing else: it only reads.
 */
import { parentPort } from 'node:worker_threads';
import { nodeFileSystem } from '../base/file-system.ts';
import { LogReaders } from '../history/log-readers.ts';
import type { FromHistory, ToHistory } from './history-messages.ts';

const port = parentPort;
if (port === null) throw new Error('this file is the entry of a worker thread');

function post(message: FromHistory, memory: ArrayBuffer[] = []): void {
  port?.postMessage(message, memory);
}

const readers = new LogReaders(nodeFileSystem, {
  onChunk: (id, bytes) => post({ kind: 'chunk', id, bytes }, [bytes.buffer]),
  onEnd: (id) => post({ kind: 'end', id }),
  onFailed: (id, cause) => post({ kind: 'failed', id, cause }),
});

port.on('message', (message: ToHistory) => {
  switch (message.kind) {
    case 'open':
      readers.open(message.id, message.request);
      break;
    case 'appended':
      readers.appended(message.containerIds);
      break;
    case 'stop':
      readers.stop(message.id, message.endLsn);
      break;
    case 'credit':
      readers.credit(message.id, message.memory);
      break;
    case 'close':
      readers.close(message.id);
      break;
  }
});
