/**
 * The JSON form of a push request, decoded into the same columns as protobuf.
 * Strict as Loki is: timestamps are strings of whole nanoseconds, lines are strings.
 */
import { formatLabels } from './labels.ts';
import type { PushMessage } from './message.ts';

/** The text is not a push request. The message is the body of Loki's 400. */
export class JsonError extends Error {
  constructor(what: string) {
    super(what);
    this.name = 'JsonError';
  }
}

/** Decodes a JSON push request. The lines are copied into bytes of their own. */
export function decodeJsonPush(text: string, message: PushMessage): void {
  const root = parse(text);
  const streams = fieldOf(root, 'streams');
  if (!Array.isArray(streams)) throw new JsonError('streams: expected an array');
  const parts: Buffer[] = [];
  message.begin(Buffer.alloc(0));
  let at = 0;
  for (const stream of streams as unknown[]) {
    const first = message.count;
    const values = fieldOf(stream, 'values');
    if (!Array.isArray(values)) throw new JsonError('values: expected an array');
    for (const value of values as unknown[]) at = addEntry(message, value, parts, at);
    const labels = formatLabels(stringMap(fieldOf(stream, 'stream'), 'stream'));
    message.streams.push({ labels, first, end: message.count });
  }
  message.bytes = Buffer.concat(parts, at);
}

function addEntry(message: PushMessage, value: unknown, parts: Buffer[], at: number): number {
  if (!Array.isArray(value) || value.length < 2 || value.length > 3) {
    throw new JsonError('values: expected [timestamp, line] or [timestamp, line, metadata]');
  }
  const [timestamp, text, metadata] = value as unknown[];
  if (typeof timestamp !== 'string' || !/^-?\d{1,19}$/.test(timestamp)) {
    throw new JsonError(`timestamp: ${JSON.stringify(timestamp)} is not whole nanoseconds`);
  }
  if (typeof text !== 'string') throw new JsonError('line: expected a string');
  const line = Buffer.from(text);
  parts.push(line);
  const total = BigInt(timestamp);
  const nanos = ((total % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  const seconds = Number((total - nanos) / 1_000_000_000n);
  const lineEnd = at + line.length;
  const row = message.add(seconds, Number(nanos), at, lineEnd);
  if (metadata === undefined) return lineEnd;
  const pairs = stringMap(metadata, 'structured metadata');
  const encoded = [...pairs].map(([name, value]) => encodePair(name, value));
  parts.push(...encoded);
  const metaEnd = encoded.reduce((sum, pair) => sum + pair.length, lineEnd);
  const size = [...pairs].reduce((sum, pair) => sum + Buffer.byteLength(pair.join('')), 0);
  message.setMetadata(row, lineEnd, metaEnd, pairs.size, size);
  return metaEnd;
}

/** Field 3 of an entry in protobuf form, so that the store knows one form only. */
function encodePair(name: string, value: string): Buffer {
  const body = Buffer.concat([encodeBytes(0x0a, name), encodeBytes(0x12, value)]);
  return encodeBytes(0x1a, body);
}

function encodeBytes(tag: number, content: string | Buffer): Buffer {
  const bytes = Buffer.from(content);
  const head = [tag];
  let rest = bytes.length;
  for (; rest > 0x7f; rest >>>= 7) head.push((rest & 0x7f) | 0x80);
  head.push(rest);
  return Buffer.concat([Buffer.from(head), bytes]);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new JsonError(error instanceof Error ? error.message : String(error));
  }
}

function fieldOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) throw new JsonError(`${name}: no object`);
  return (value as Record<string, unknown>)[name];
}

function stringMap(value: unknown, name: string): Map<string, string> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new JsonError(`${name}: expected an object`);
  }
  const map = new Map<string, string>();
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') throw new JsonError(`${name}: ${key} is not a string`);
    map.set(key, text);
  }
  return map;
}
