/**
 * The only door to the `snappy` package: Snappy's block format, as Loki takes it.
 * It must never block the event loop for a whole batch, so the work runs in
 * libuv's pool, on another core.
 */
import { compress } from 'snappy';

/**
 * Compresses into a new buffer that belongs to the caller. The pool's thread
 * reads `raw` in place, without a copy: the caller must leave its bytes alone
 * until the promise has settled. A `raw` that nobody else refers to is kept alive.
 */
export function compressBlock(raw: Buffer): Promise<Buffer> {
  // External buffers are freed late: without the copy 1 MiB batches held twice the memory and
  // ran slower (937 against 469 MiB, 1,200 against 2,000 MiB/s).
  return compress(raw, { copyOutputData: true });
}
