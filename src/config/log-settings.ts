/**
 * How the log of one container is kept on disk, from its options. Values that are right each
 * for itself and make no sense together are told here: as an error where nothing sensible could
 * be done, as a warning where one of the two simply has no effect.
 */
import type { OptionReader } from './option-reader.ts';
import { containerOptions, pluginOptions } from './options.ts';
import type { LogSettings } from './settings.ts';

/** The settings of one container's log; what is wrong is noted at the reader. */
export function readLogSettings(reader: OptionReader): LogSettings {
  const { walMaxEntries, walSync, walFull, walBlockTimeout } = containerOptions;
  const sizes = readSizes(reader);
  const full = reader.choice(walFull);
  const settings = {
    ...sizes,
    maxEntries: reader.number(walMaxEntries),
    ...readAges(reader),
    sync: reader.choice(walSync),
    full,
    blockTimeoutMs: Math.round(reader.number(walBlockTimeout)),
    ...readHistory(reader, sizes.maxBytes),
  };
  const wait = reader.given(walBlockTimeout);
  // As a plugin setting it is meant for those containers that do wait.
  const isOwn = wait.source === walBlockTimeout.name && wait.text !== walBlockTimeout.default;
  if (full !== 'block' && isOwn) {
    reader.warn(
      `${walBlockTimeout.name} has no effect without ${walFull.name}=block; it is ${full}`,
    );
  }
  return settings;
}

/**
 * The limit and the size of a segment. A segment cannot be given up while it is written, so two
 * must fit. A segment size that nobody set gives way to the limit that somebody did.
 */
function readSizes(reader: OptionReader): Pick<LogSettings, 'maxBytes' | 'segmentBytes'> {
  const { walMaxSize, walSegmentSize } = containerOptions;
  const maxBytes = reader.number(walMaxSize);
  const segmentBytes = reader.number(walSegmentSize);
  warnIfNeverReached(reader, maxBytes);
  // A wrong value reads as 0 and is reported already.
  if (maxBytes === 0 || 2 * segmentBytes <= maxBytes) return { maxBytes, segmentBytes };
  const segment = reader.given(walSegmentSize);
  if (segment.source === undefined) return { maxBytes, segmentBytes: Math.floor(maxBytes / 4) };
  const problem =
    `is below 2 x ${segment.source} "${segment.text}", ` +
    'and a segment cannot be given up while it is written';
  reader.error(walMaxSize, reader.given(walMaxSize), problem);
  return { maxBytes, segmentBytes };
}

function warnIfNeverReached(reader: OptionReader, maxBytes: number): void {
  if (maxBytes === Number.POSITIVE_INFINITY) return;
  const wide = reader.given(pluginOptions.walMaxBytes);
  if (maxBytes <= reader.number(pluginOptions.walMaxBytes)) return;
  const { source, text } = reader.given(containerOptions.walMaxSize);
  reader.warn(
    `${source} "${text}" is above ${pluginOptions.walMaxBytes.env} "${wide.text}", ` +
      'which counts for all containers together and is reached first',
  );
}

/** Both ages; a segment that is still written does not go, however old. */
function readAges(reader: OptionReader): Pick<LogSettings, 'maxAgeMs' | 'segmentAgeMs'> {
  const { walMaxAge, walSegmentAge } = containerOptions;
  const maxAgeMs = Math.round(reader.number(walMaxAge));
  const segmentAgeMs = Math.round(reader.number(walSegmentAge));
  if (maxAgeMs === 0 || segmentAgeMs <= maxAgeMs) return { maxAgeMs, segmentAgeMs };
  const segment = reader.given(walSegmentAge);
  if (segment.source === undefined) return { maxAgeMs, segmentAgeMs: maxAgeMs };
  const problem = `is below ${segment.source} "${segment.text}"`;
  reader.error(walMaxAge, reader.given(walMaxAge), problem);
  return { maxAgeMs, segmentAgeMs };
}

/** What stays for `docker logs`. Grafana's two options stand for our own. */
function readHistory(
  reader: OptionReader,
  maxBytes: number,
): Pick<LogSettings, 'historyBytes' | 'historyAgeMs'> {
  const { historyMaxAge, maxSize, maxFile, noFile, keepFile } = containerOptions;
  const historyBytes = readHistoryBytes(reader, maxBytes);
  const historyAgeMs = Math.round(reader.number(historyMaxAge));
  const isKept = reader.flag(keepFile);
  if (!reader.flag(noFile)) {
    const isOwn = reader.given(historyMaxAge).source !== undefined;
    return { historyBytes, historyAgeMs: isKept && !isOwn ? historyMaxAge.max : historyAgeMs };
  }
  for (const spec of [keepFile, historyMaxAge, maxSize, maxFile]) {
    // As a plugin setting it is meant for those containers that have no such option.
    const isOwn = reader.given(spec).source === spec.name && (spec !== keepFile || isKept);
    if (isOwn) reader.warn(`${spec.name} has no effect with ${noFile.name}=true`);
  }
  return { historyBytes: 0, historyAgeMs: 0 };
}

/** Docker's two options, multiplied. */
function readHistoryBytes(reader: OptionReader, maxBytes: number): number {
  const { maxSize, maxFile, walMaxSize } = containerOptions;
  const historyBytes = reader.number(maxSize) * reader.number(maxFile);
  const size = reader.given(maxSize);
  const isGiven = [size, reader.given(maxFile)].some(({ source }) => source !== undefined);
  const isEndless = historyBytes === Number.POSITIVE_INFINITY;
  if (isGiven && !isEndless && maxBytes > 0 && historyBytes > maxBytes) {
    reader.warn(
      `max-size "${size.text}" x max-file "${reader.given(maxFile).text}" is above ` +
        `${walMaxSize.name} "${reader.given(walMaxSize).text}", which is kept to`,
    );
  }
  return historyBytes;
}
