/**
 * Structured metadata of an entry: names and values beside the line. Most entries of a container
 * have the same, so that it is encoded once and copied. Pure.
 *
 *   metadata = ( 1a len Pair )*        Pair = 0a len name 12 len value
 */
import { PushBatch } from './push-batch.ts';
import { readPush } from './push-reader.ts';
import { varintLength, writeVarint } from './varint.ts';

/** The fields of an entry that carry these pairs; no bytes for none. Empty values are left out. */
export function encodeMetadata(pairs: Iterable<readonly [string, string]>): Uint8Array {
  const fields: Buffer[] = [];
  for (const [name, value] of pairs) {
    if (value === '') continue;
    const pair = Buffer.concat([textField(0x0a, name), textField(0x12, value)]);
    fields.push(field(0x1a, pair));
  }
  return Buffer.concat(fields);
}

/** The same push request without any metadata; bytes that are no request come back as they are. */
export function withoutMetadata(request: Buffer): Buffer {
  const batch = new PushBatch();
  for (const { labels, entries } of readPush(request) ?? []) {
    const handle = batch.stream(labels);
    for (const { seconds, nanos, lineStart, lineEnd } of entries) {
      batch.append(handle, seconds, nanos, request, lineStart, lineEnd);
    }
  }
  return batch.entries === 0 ? request : Buffer.from(batch.encode());
}

function textField(tag: number, text: string): Buffer {
  return field(tag, Buffer.from(text.toWellFormed(), 'utf8'));
}

function field(tag: number, content: Buffer): Buffer {
  const head = Buffer.alloc(1 + varintLength(content.length));
  head[0] = tag;
  writeVarint(head, 1, content.length);
  return Buffer.concat([head, content]);
}
