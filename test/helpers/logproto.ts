/**
 * Loki's push messages by reflection, as the oracle for the hand-written encoder.
 * Tests only: it is slow, and it must never be used to make expected bytes by hand.
 */
import protobuf from 'protobufjs';

const schema = `
  syntax = "proto3";
  package logproto;
  message Timestamp { int64 seconds = 1; int32 nanos = 2; }
  message LabelPairAdapter { string name = 1; string value = 2; }
  message EntryAdapter {
    Timestamp timestamp = 1;
    bytes line = 2;
    repeated LabelPairAdapter structuredMetadata = 3;
  }
  message StreamAdapter { string labels = 1; repeated EntryAdapter entries = 2; uint64 hash = 3; }
  message PushRequest { repeated StreamAdapter streams = 1; }
`;

const pushRequest = protobuf.parse(schema).root.lookupType('logproto.PushRequest');

/** One entry as the test sees it; the line is bytes, because Loki keeps them as sent. */
export interface DecodedEntry {
  readonly seconds: number;
  readonly nanos: number;
  readonly line: Buffer;
}

/** One stream as the test sees it. */
export interface DecodedStream {
  readonly labels: string;
  readonly entries: DecodedEntry[];
}

interface Wire {
  streams: { labels: string; entries: { timestamp?: WireTime; line: Uint8Array }[] }[];
}

interface WireTime {
  seconds: string;
  nanos: number;
}

/** Decodes an uncompressed PushRequest; throws if it is not one. */
export function decodePush(bytes: Uint8Array): DecodedStream[] {
  const wire = pushRequest.toObject(pushRequest.decode(bytes), {
    defaults: true,
    longs: String,
  }) as Wire;
  return wire.streams.map(({ labels, entries }) => ({
    labels,
    entries: entries.map(({ timestamp, line }) => ({
      seconds: Number(timestamp?.seconds),
      nanos: timestamp?.nanos ?? Number.NaN,
      line: Buffer.from(line),
    })),
  }));
}

/** The same message made by protobufjs, to compare bytes. */
export function encodePush(streams: readonly DecodedStream[]): Buffer {
  const message = pushRequest.fromObject({
    streams: streams.map(({ labels, entries }) => ({
      labels,
      entries: entries.map(({ seconds, nanos, line }) => ({
        timestamp: { seconds, nanos },
        line,
      })),
    })),
  });
  return Buffer.from(pushRequest.encode(message).finish());
}
