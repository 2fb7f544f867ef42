/**
 * Finds out which entries of a refused request the endpoint will never take, and delivers the
 * others. The request is never sent as a whole again. An entry counts as delivered only when a
 * piece with it was taken; what cannot be told apart in a bounded number of requests is refused.
 *
 * Loki has stored the good entries of a 400 already: what is sent again is a duplicate to it.
 */
import {
  type MetadataPair,
  type PushStream,
  readMetadata,
  readPush,
} from '../encode/push-reader.ts';
import {
  bytesOf,
  chunk,
  encodePieces,
  entriesOf,
  halve,
  type PushPiece,
  pick,
} from '../encode/push-split.ts';
import type { RejectReason } from '../rejected/entry.ts';
import type { Rejected, SendResult, TooLarge } from '../sink/sink.ts';
import { isOfLabels, refusalReason, suspectsOf } from './refusal-reason.ts';

/** One entry that was refused for good. */
export interface RefusedEntry {
  /** The stream's selector, as it was sent. */
  readonly labels: string;
  /** Unix nanoseconds, in decimal. */
  readonly timestampNs: string;
  readonly line: Buffer;
  /** Structured metadata, if it has any. */
  readonly metadata?: readonly MetadataPair[];
  /** Whom it was sent for, if not for the endpoint's own tenant. */
  readonly tenantId?: string;
  readonly reason: RejectReason;
  /** What the endpoint said, free of secrets. */
  readonly detail: string;
  readonly status?: number;
}

/** What to look into. */
export interface IsolateOptions {
  /** Uncompressed. */
  readonly request: Buffer;
  /** The answer to all of it. */
  readonly first: Rejected | TooLarge;
  /**
   * Encodes and sends a piece, waits and tries again as often as need be; undefined: the search
   * is to end, because the queue stops or the endpoint has failed.
   */
  readonly send: (request: Buffer) => Promise<SendResult | undefined>;
}

/** What came of it. */
export interface Isolated {
  readonly refused: RefusedEntry[];
  readonly deliveredEntries: number;
}

/** So many requests are sent for one search; what has no verdict then is refused. */
const requestsMax = 200;
/** From here on what is refused is not taken apart any more, only what waits is sent. */
const splitsMax = 160;
/** So many streams are sent one by one; more are halved. */
const singlyMax = 8;
/** Fewer entries than these are told apart exactly, however many are refused. */
const probedMin = 17;
/** So many single entries must be refused alike before all between them count as refused. */
const probesOfUnknown = 10;
/** The same for entries of which the endpoint itself says what is wrong with them: both ends. */
const probesOfSuspects = 2;

type Refusal = Rejected | TooLarge;
type Pieces = readonly PushPiece[];

/** Undefined: the search was ended; all of the request is to be sent again later. */
export async function isolate(options: IsolateOptions): Promise<Isolated | undefined> {
  const streams = readPush(options.request);
  if (streams === undefined) return { refused: [asOneLine(options)], deliveredEntries: 0 };
  return new Isolation(options).run(streams);
}

/** Nothing else can be done with bytes that are no request; they are kept all the same. */
function asOneLine({ request, first }: IsolateOptions): RefusedEntry {
  const detail = `the request cannot be taken apart: ${first.reason}`;
  const { status } = first;
  const line = Buffer.from(request);
  return { labels: '{}', timestampNs: '0', line, reason: 'other', detail, status };
}

/** The search was ended from outside. */
class Ended extends Error {}

class Isolation {
  readonly #options: IsolateOptions;
  readonly #refused: RefusedEntry[] = [];
  /** Single streams that are refused: looked into when it is known which streams are. */
  readonly #later: { stream: Pieces; refusal: Refusal }[] = [];
  #deliveredEntries = 0;
  #requests = 0;
  /** Requests that were too large, and the size of what may not be. */
  #tooLarge = 0;
  #bytesMax = Number.POSITIVE_INFINITY;

  constructor(options: IsolateOptions) {
    this.#options = options;
  }

  async run(streams: readonly PushStream[]): Promise<Isolated | undefined> {
    const pieces = streams
      .filter(({ entries }) => entries.length > 0)
      .map((stream) => ({ stream, entries: stream.entries }));
    try {
      await this.#takeApart(pieces, this.#options.first);
      for (let next = this.#later.shift(); next !== undefined; next = this.#later.shift()) {
        await this.#takeApart(next.stream, next.refusal);
      }
    } catch (error) {
      if (error instanceof Ended) return undefined;
      throw error;
    }
    return { refused: this.#refused, deliveredEntries: this.#deliveredEntries };
  }

  /** These pieces together are refused, and are not sent together again. */
  async #takeApart(pieces: Pieces, refusal: Refusal): Promise<void> {
    const entries = entriesOf(pieces);
    if (entries <= 1) return this.#refuse(pieces, refusal);
    if (refusal.kind === 'too-large') return this.#makeSmaller(pieces, refusal);
    if (this.#requests >= splitsMax) return this.#refuse(pieces, refusal);
    const { reason: text } = refusal;
    const isOneStream = pieces.length === 1;
    if (isOneStream && isOfLabels(refusalReason(text))) return this.#refuse(pieces, refusal);
    const isSuspect = suspectsOf(text, isOneStream);
    if (isSuspect !== undefined) {
      const suspects = pick(pieces, isSuspect);
      const others = pick(pieces, (entry) => !isSuspect(entry));
      if (others.length === 0) return this.#probe(pieces, probesOfSuspects, refusal);
      if (suspects.length > 0) return this.#tryParts([others, suspects], refusal);
    }
    if (!isOneStream) return this.#tryParts(streamsOf(pieces, text), refusal);
    if (entries >= probedMin) return this.#probe(pieces, probesOfUnknown, refusal);
    await this.#tryParts(halve(pieces), refusal);
  }

  /**
   * Sends parts of something. If all of that is refused (`isRefused`) and every part but the last
   * was taken, it is the last that is refused, and need not be sent.
   */
  async #tryParts(parts: readonly Pieces[], refusal: Refusal, isRefused = true): Promise<void> {
    const isOfManyStreams = new Set(parts.flat().map(({ stream }) => stream)).size > 1;
    let isLastRefused = isRefused && refusal.kind === 'rejected';
    for (const [index, part] of parts.entries()) {
      // A stream that was not alone so far needs an answer of its own: the one there is may be
      // about another. An entry does too, because its answer is kept with it.
      const isAlone = isOfManyStreams && part.length === 1;
      const isKnown = isLastRefused && index === parts.length - 1;
      const needsAnswer = isAlone || entriesOf(part) === 1 || !isKnown;
      const answer = needsAnswer ? await this.#send(part, refusal) : refusal;
      if (answer === undefined) continue;
      isLastRefused = false;
      if (isAlone) this.#later.push({ stream: part, refusal: answer });
      else await this.#takeApart(part, answer);
    }
  }

  /**
   * Sends single entries, both ends and some between. If all of them are refused for one reason,
   * so are those around them; else these are halved.
   */
  async #probe(pieces: Pieces, count: number, refusal: Refusal): Promise<void> {
    const places = placesOf(entriesOf(pieces), count);
    const tried = new Set<number>();
    const answers: Refusal[] = [];
    for (const place of places) {
      const entry = pick(pieces, (_, index) => index === place);
      tried.add(place);
      const answer = await this.#send(entry, refusal);
      if (answer === undefined) break;
      this.#refuse(entry, answer);
      answers.push(answer);
      if (reasonOf(answer) !== reasonOf(answers[0] ?? answer)) break;
    }
    const rest = pick(pieces, (_, index) => !tried.has(index));
    const [first, ...others] = answers;
    const isAlike = first !== undefined && others.length === places.length - 1;
    if (isAlike && others.every((answer) => reasonOf(answer) === reasonOf(first))) {
      return this.#refuse(rest, first);
    }
    const parts = entriesOf(rest) > 1 ? halve(rest) : [rest].filter((part) => part.length > 0);
    await this.#tryParts(parts, refusal, answers.length === 0);
  }

  /** Sends pieces that are too large together in parts of half their size. */
  async #makeSmaller(pieces: Pieces, refusal: Refusal): Promise<void> {
    this.#tooLarge += 1;
    if (this.#tooLarge > requestsMax) return this.#refuse(pieces, refusal);
    this.#bytesMax = Math.min(this.#bytesMax, Math.floor(bytesOf(pieces) / 2));
    await this.#sendChunks(pieces, refusal);
  }

  async #sendChunks(pieces: Pieces, refusal: Refusal): Promise<void> {
    const parts = chunk(pieces, this.#bytesMax);
    for (const part of parts) {
      // The size that may pass can have shrunk since these were cut.
      const isStale = parts.length > 1 && chunk(part, this.#bytesMax).length > 1;
      if (isStale) await this.#sendChunks(part, refusal);
      else {
        const answer = await this.#send(part, refusal);
        if (answer !== undefined) await this.#takeApart(part, answer);
      }
    }
  }

  /** The refusal of these pieces; undefined: they are delivered. */
  async #send(pieces: Pieces, before: Refusal): Promise<Refusal | undefined> {
    // The parts of what was too large are no search: they carry lines home.
    if (before.kind === 'rejected') {
      if (this.#requests >= requestsMax) return before;
      this.#requests += 1;
    }
    const result = await this.#options.send(encodePieces(this.#options.request, pieces));
    if (result === undefined || result.kind === 'retry') throw new Ended();
    if (result.kind !== 'delivered') return result;
    this.#deliveredEntries += entriesOf(pieces);
    return undefined;
  }

  #refuse(pieces: Pieces, refusal: Refusal): void {
    const { request } = this.#options;
    const { reason: detail, status } = refusal;
    const reason = reasonOf(refusal);
    for (const { stream, entries } of pieces) {
      const { labels } = stream;
      for (const entry of entries) {
        const { seconds, nanos, lineStart, lineEnd } = entry;
        const timestampNs = String(BigInt(seconds) * 1_000_000_000n + BigInt(nanos));
        // A copy: the request's memory is used again.
        const line = Buffer.from(request.subarray(lineStart, lineEnd));
        const metadata = metadataField(readMetadata(request, entry));
        this.#refused.push({ labels, timestampNs, line, ...metadata, reason, detail, status });
      }
    }
  }
}

/** The field of a refused entry; none where there is no metadata. */
export function metadataField(pairs: readonly MetadataPair[]): {
  metadata?: readonly MetadataPair[];
} {
  return pairs.length === 0 ? {} : { metadata: pairs };
}

function reasonOf({ kind, reason }: Refusal): RejectReason {
  return kind === 'too-large' ? 'body_too_large' : refusalReason(reason);
}

/** How several streams are sent: those that an answer names alone, and the others together. */
function streamsOf(pieces: Pieces, text: string): Pieces[] {
  const isNamed = ({ stream }: PushPiece): boolean => text.includes(stream.labels);
  const named = pieces.filter(isNamed);
  const others = pieces.filter((piece) => !isNamed(piece));
  if (named.length > 0 && others.length > 0) return [others, ...named.map((piece) => [piece])];
  return pieces.length <= singlyMax ? pieces.map((piece) => [piece]) : halve(pieces);
}

/** Places from the first to the last of `length`, at even distances: the two ends first. */
function placesOf(length: number, count: number): number[] {
  const places = [0, length - 1];
  for (let at = 1; at < count - 1; at += 1) {
    places.push(Math.floor((at * (length - 1)) / (count - 1)));
  }
  return [...new Set(places)];
}
