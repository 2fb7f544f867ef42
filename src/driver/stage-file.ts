/**
 * Reads the file of `loki-pipeline-stage-file`, at once: it is small, and a container must not
 * start without it. A message names the option, the path and what to do.
 */
import fs from 'node:fs';
import { DriverError, errnoOf, messageOf } from '../base/errors.ts';
import { filesMount } from '../config/line-options.ts';
import { type CheckedStages, checkStageFile } from '../pipeline/stage-list.ts';

/** A longer file is refused; so many stages nobody writes. */
const fileBytesMax = 256 * 1024;

/**
 * The stages of a file. Throws `file_unreadable` when it cannot be read and when it is wrong: either
 * may be mended at any time, unlike an option, so that it is worth another try.
 */
export function readStageFile(path: string, source: string): CheckedStages {
  const what = `${source}: the file ${JSON.stringify(path.slice(0, 200))}`;
  let bytes: Buffer;
  try {
    bytes = readBounded(path);
  } catch (error) {
    const errno = errnoOf(error);
    const why = errno === 'ENOENT' ? 'there is none' : messageOf(error);
    throw new DriverError(
      'file_unreadable',
      `${what} cannot be read (${why}); it is a path inside the plugin: put the file into the ` +
        `directory of the host that the plugin setting files.source names, and write ` +
        `${filesMount}/NAME`,
      { cause: error },
    );
  }
  try {
    return checkStageFile(bytes.toString('utf8'));
  } catch (error) {
    throw new DriverError('file_unreadable', `${what} is wrong: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function readBounded(path: string): Buffer {
  // Not what would have to be waited for, such as a FIFO.
  const flags = fs.constants.O_RDONLY | fs.constants.O_NONBLOCK;
  const fd = fs.openSync(path, flags);
  try {
    const { size } = statOfFile(fd);
    if (size > fileBytesMax) throw new Error(`it has ${size} bytes; allowed are ${fileBytesMax}`);
    const bytes = Buffer.alloc(fileBytesMax);
    return bytes.subarray(0, fs.readSync(fd, bytes, 0, fileBytesMax, 0));
  } finally {
    fs.closeSync(fd);
  }
}

function statOfFile(fd: number): fs.Stats {
  const stats = fs.fstatSync(fd);
  if (!stats.isFile()) throw new Error('it is no file');
  return stats;
}
