/**
 * logproto as protobufjs types, for tests that must not trust hand-written code
 * and for a later gRPC service. The double's own hot path is proto.ts.
 */
import protobuf from 'protobufjs';

/** The schema of Loki's push API, as far as a client sees it. */
const logprotoSource = `
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
message PushResponse {}
service Pusher { rpc Push(PushRequest) returns (PushResponse); }
`;

/**
 * The PushRequest type. A line is `bytes` here, which is the same on the wire, because
 * protobufjs would replace what is not UTF-8 in a string.
 */
export const pushRequestType: protobuf.Type = protobuf
  .parse(logprotoSource, { keepCase: true })
  .root.lookupType('logproto.PushRequest');

/** An entry as a plain object for `encodePush`. */
export interface PlainEntry {
  timestamp?: { seconds: number; nanos: number };
  line: string | Uint8Array;
  structuredMetadata?: { name: string; value: string }[];
}

/** A stream as a plain object for `encodePush`. */
export interface PlainStream {
  labels: string;
  entries: PlainEntry[];
}

/** A push request encoded by protobufjs, not compressed. */
export function encodePush(streams: PlainStream[]): Buffer {
  const plain = streams.map((stream) => ({
    labels: stream.labels,
    entries: stream.entries.map((entry) => ({ ...entry, line: Buffer.from(entry.line) })),
  }));
  return Buffer.from(pushRequestType.encode(pushRequestType.create({ streams: plain })).finish());
}
