/**
 * How one endpoint wants to be served, from its options. Values that are right each for itself and
 * make no sense together are told here: as an error, or as a warning where one has no effect.
 */
import type { EndpointSettings } from './endpoint-settings.ts';
import type { OptionReader } from './option-reader.ts';
import { batchSizeBytesFloor, endpointOptions } from './options.ts';

/** What does not concern the sender. */
export type QueueSettings = Omit<EndpointSettings, 'key' | 'name' | 'label' | 'sink'>;

/** The settings; what is wrong is noted at the reader. */
export function readQueue(reader: OptionReader): QueueSettings {
  return {
    startAt: reader.choice(endpointOptions.start),
    batchSizeBytes: readBatchSize(reader),
    batchWaitMs: Math.round(reader.number(endpointOptions.batchWait)),
    ...readBackoff(reader),
    ...readRetries(reader),
    maxLineBytes: reader.number(endpointOptions.maxLineSize),
    longLines: reader.choice(endpointOptions.longLines),
  };
}

function readBatchSize(reader: OptionReader): number {
  const bytes = reader.number(endpointOptions.batchSize);
  if (bytes >= batchSizeBytesFloor) return bytes;
  const given = reader.given(endpointOptions.batchSize);
  reader.warn(
    `${given.source}: "${given.text}" is in bytes and too small to be useful; ` +
      `${batchSizeBytesFloor} is used`,
  );
  return batchSizeBytesFloor;
}

/** Both bounds; a bound that nobody set gives way to the one that somebody did. */
function readBackoff(reader: OptionReader): { minBackoffMs: number; maxBackoffMs: number } {
  const { minBackoff, maxBackoff } = endpointOptions;
  const minBackoffMs = Math.round(reader.number(minBackoff));
  const maxBackoffMs = Math.round(reader.number(maxBackoff));
  // A wrong value reads as 0 and is reported already.
  if (minBackoffMs <= maxBackoffMs || maxBackoffMs === 0) return { minBackoffMs, maxBackoffMs };
  const min = reader.given(minBackoff);
  const max = reader.given(maxBackoff);
  if (min.source === undefined) return { minBackoffMs: maxBackoffMs, maxBackoffMs };
  if (max.source === undefined) return { minBackoffMs, maxBackoffMs: minBackoffMs };
  reader.error(minBackoff, min, `is above ${max.source} "${max.text}"`);
  return { minBackoffMs, maxBackoffMs };
}

function readRetries(reader: OptionReader): { retries: number; givesUp: boolean } {
  const retries = reader.number(endpointOptions.retries);
  const givesUp = reader.flag(endpointOptions.giveUp);
  if (retries > 0 && !givesUp) {
    reader.warn(
      `${reader.given(endpointOptions.retries).source} has no effect without ` +
        `${endpointOptions.giveUp.name}=true: an outage never uses up retries, nothing is given up`,
    );
  }
  const { source } = reader.given(endpointOptions.giveUp);
  if (givesUp && retries === 0) {
    reader.warn(`${source} has no effect while ${endpointOptions.retries.name} is 0`);
  }
  return { retries, givesUp };
}
