/**
 * The sender for one endpoint, picked by the scheme of its URL. It must never throw: a setting
 * that cannot work is a retry that says so, and the other endpoints go on.
 */
import { messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { createLokiGrpcSink } from './loki-grpc.ts';
import { createLokiHttpSink } from './loki-http.ts';
import type { SendResult, Sink, SinkOptions } from './sink.ts';

/** Makes the sink of one endpoint. Opens no connection and no file before the first send. */
export function createSink(options: SinkOptions, log?: Log): Sink {
  try {
    if (/^grpcs?:/i.test(options.url)) return createLokiGrpcSink(options, log);
    if (/^https?:/i.test(options.url)) return createLokiHttpSink(options, log);
    return brokenSink('the scheme of loki-url is none of http, https, grpc and grpcs');
  } catch (error) {
    // Neither Node's message for a wrong URL nor our own repeats the text.
    return brokenSink(messageOf(error));
  }
}

function brokenSink(problem: string): Sink {
  const reason = `the endpoint's settings cannot be used: ${problem}`;
  const result: SendResult = { kind: 'retry', cause: 'settings', reason };
  return {
    encode: (request) => Buffer.from(request),
    send: async () => result,
    close: async () => undefined,
  };
}
