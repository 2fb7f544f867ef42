/**
 * Request bodies: read with a limit, unpacked with a limit, decoded. A length that a
 * body claims is checked before memory is taken for it, so garbage and bombs stay small.
 */
import type { IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { gunzip, inflate } from 'node:zlib';
import { uncompress } from 'snappy';
import type { PushAnswer } from './ingest.ts';
import { decodeJsonPush, JsonError } from './json.ts';
import type { PushMessage } from './message.ts';
import { decodePushRequest, ProtoError } from './proto.ts';

/** A refusal that is known before validation; it carries the answer. */
export class BodyRefusal extends Error implements PushAnswer {
  readonly status: number;
  readonly body: string;

  constructor(status: number, body: string) {
    super(body);
    this.name = 'BodyRefusal';
    this.status = status;
    this.body = body;
  }
}

/** An unpacked body and what it is written in. */
export interface UnpackedBody {
  readonly format: 'json' | 'protobuf';
  readonly bytes: Buffer;
}

const gunzipAsync = promisify(gunzip);
const inflateAsync = promisify(inflate);
// Three bytes of Snappy's longest copy make 64, so no true body claims more than this.
const snappyRatioMax = 22;

/** Reads a whole body; rejects with BodyRefusal 413 above `bytesMax` and when it is cut off. */
export function readBody(request: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const declared = Number(request.headers['content-length'] ?? 0);
  if (declared > bytesMax) {
    // The rest is read and dropped, or the client would see a reset and not the answer.
    request.resume();
    return Promise.reject(tooLarge(declared, bytesMax));
  }
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > bytesMax) {
        chunks.length = 0;
        request.removeAllListeners('data');
        request.resume();
        reject(tooLarge(bytes, bytesMax));
      } else {
        chunks.push(chunk);
      }
    });
    request.on('end', () => resolve(Buffer.concat(chunks, bytes)));
    request.on('error', reject);
    request.on('close', () => reject(new Error('the client closed the connection')));
  });
}

/** Undoes content encoding and compression as the headers say. */
export async function unpackBody(
  request: IncomingMessage,
  body: Buffer,
  bytesMax: number,
): Promise<UnpackedBody> {
  const type = request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (type === '') throw new BodyRefusal(400, 'mime: no media type');
  const encoding = request.headers['content-encoding'] ?? '';
  const plain = await decodeContent(encoding, body, bytesMax);
  if (type === 'application/json') return { format: 'json', bytes: plain };
  // Loki takes everything else as Snappy over protobuf.
  return { format: 'protobuf', bytes: await uncompressBlock(plain, bytesMax) };
}

/** Fills `message`; throws BodyRefusal 400 when the bytes are not a push request. */
export function decodeBody(unpacked: UnpackedBody, message: PushMessage): void {
  try {
    if (unpacked.format === 'protobuf') decodePushRequest(unpacked.bytes, message);
    else decodeJsonPush(unpacked.bytes.toString(), message);
  } catch (error) {
    if (error instanceof ProtoError || error instanceof JsonError) {
      throw new BodyRefusal(400, error.message);
    }
    throw error;
  }
}

/** Uncompresses a Snappy block, on another thread. */
export async function uncompressBlock(block: Buffer, bytesMax: number): Promise<Buffer> {
  const bytes = snappyLength(block);
  if (bytes > bytesMax) throw tooLarge(bytes, bytesMax);
  if (bytes > block.length * snappyRatioMax) throw new BodyRefusal(400, 'snappy: corrupt input');
  try {
    return (await uncompress(block, { asBuffer: true })) as Buffer;
  } catch {
    throw new BodyRefusal(400, 'snappy: corrupt input');
  }
}

/** The length that a block claims to have when uncompressed. */
function snappyLength(block: Buffer): number {
  let length = 0;
  for (let index = 0; index < 5; index++) {
    const byte = block[index];
    if (byte === undefined) break;
    length += (byte & 0x7f) * 128 ** index;
    if (byte < 0x80) return length;
  }
  throw new BodyRefusal(400, 'snappy: corrupt input');
}

async function decodeContent(encoding: string, body: Buffer, bytesMax: number): Promise<Buffer> {
  if (encoding === '' || encoding === 'snappy') return body;
  if (encoding !== 'gzip' && encoding !== 'deflate') {
    throw new BodyRefusal(400, `Content-Encoding "${encoding}" not supported`);
  }
  try {
    const options = { maxOutputLength: bytesMax };
    return await (encoding === 'gzip' ? gunzipAsync : inflateAsync)(body, options);
  } catch (error) {
    if (error instanceof RangeError) throw tooLarge(bytesMax + 1, bytesMax);
    throw new BodyRefusal(400, `${encoding}: invalid header`);
  }
}

function tooLarge(bytes: number, bytesMax: number): BodyRefusal {
  return new BodyRefusal(413, `request body too large: ${bytes} bytes, limit: ${bytesMax} bytes`);
}
