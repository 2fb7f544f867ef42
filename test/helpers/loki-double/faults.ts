/**
 * The ways in which the double can be ill, and the plan that decides for each push
 * what happens to it. Pure: the server acts, this only decides.
 */

/** How the double behaves. Counts (`times`, `everyNth`) begin when the mode is set. */
export type Mode =
  | { readonly kind: 'up' }
  /** Connections are refused and open ones are reset. */
  | { readonly kind: 'down' }
  /** Takes the push at once and answers after `delayMs`. */
  | { readonly kind: 'slow'; readonly delayMs: number }
  /** Never answers; the push is stored only with `stores`. */
  | { readonly kind: 'hang'; readonly stores?: boolean }
  /** 429 for every push, or for the first `times`. */
  | { readonly kind: 'limited'; readonly times?: number; readonly retryAfterSeconds?: number }
  /** 500 (overloaded) or 503 for every push, or for the first `times`. */
  | { readonly kind: 'failing'; readonly status?: 500 | 503; readonly times?: number }
  /** Any status for every push, or for the first `times`; nothing is stored. */
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly body?: string;
      readonly times?: number;
      readonly retryAfterSeconds?: number;
    }
  /**
   * Destroys the connection: at `request` while the request is read and nothing is stored, at
   * `body` when it is read whole and nothing is stored, at `answer` after it is stored, so that
   * the client sends it again. For every push, or every Nth, or with a probability.
   */
  | {
      readonly kind: 'cut';
      readonly at: 'request' | 'body' | 'answer';
      readonly everyNth?: number;
      readonly probability?: number;
    }
  /** Refuses with 400 each Nth stream, in the order in which they came up, and stores the rest. */
  | { readonly kind: 'refusing'; readonly everyNth: number }
  /** Checks and stores nothing, only counts; for benchmarks. */
  | { readonly kind: 'discard' };

/** What happens to one push. */
export type Decision =
  | { readonly kind: 'store' }
  | { readonly kind: 'discard' }
  | { readonly kind: 'store-late'; readonly delayMs: number }
  | { readonly kind: 'store-and-cut' }
  | { readonly kind: 'read-and-cut' }
  | { readonly kind: 'cut' }
  | { readonly kind: 'hang'; readonly stores: boolean }
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly body: string;
      readonly retryAfterSeconds: number | undefined;
    };

const numberFields = ['delayMs', 'times', 'retryAfterSeconds', 'status', 'everyNth', 'probability'];
const kinds = [
  'up',
  'down',
  'slow',
  'hang',
  'limited',
  'failing',
  'status',
  'cut',
  'refusing',
  'discard',
];

/** Decides for one push after the other. */
export class FaultPlan {
  readonly #random: () => number;
  #mode: Mode = { kind: 'up' };
  #pushes = 0;

  /** `random` gives numbers from 0 to below 1; tests hand in a seeded one. */
  constructor(random: () => number) {
    this.#random = random;
  }

  get mode(): Mode {
    return this.#mode;
  }

  /** Sets the mode and starts its counts anew. */
  set(mode: Mode): void {
    this.#mode = mode;
    this.#pushes = 0;
  }

  /** What happens to the push that has just begun. */
  next(): Decision {
    this.#pushes += 1;
    const mode = this.#mode;
    switch (mode.kind) {
      case 'up':
      case 'down':
      case 'refusing':
        return { kind: 'store' };
      case 'discard':
        return { kind: 'discard' };
      case 'slow':
        return { kind: 'store-late', delayMs: mode.delayMs };
      case 'hang':
        return { kind: 'hang', stores: mode.stores ?? false };
      case 'cut':
        if (!this.#cuts(mode.everyNth, mode.probability)) return { kind: 'store' };
        return { kind: cutKinds[mode.at] };
      case 'limited':
      case 'failing':
      case 'status':
        if (this.#pushes > (mode.times ?? Number.POSITIVE_INFINITY)) return { kind: 'store' };
        return answerOf(mode);
      default:
        return mode satisfies never;
    }
  }

  #cuts(everyNth: number | undefined, probability: number | undefined): boolean {
    if (everyNth !== undefined) return this.#pushes % everyNth === 0;
    return probability === undefined || this.#random() < probability;
  }
}

const cutKinds = { request: 'cut', body: 'read-and-cut', answer: 'store-and-cut' } as const;

function answerOf(mode: Extract<Mode, { kind: 'limited' | 'failing' | 'status' }>): Decision {
  const answer = (status: number, body: string, retryAfterSeconds?: number): Decision => ({
    kind: 'answer',
    status,
    body,
    retryAfterSeconds,
  });
  if (mode.kind === 'status') {
    return answer(mode.status, mode.body ?? `status ${mode.status}`, mode.retryAfterSeconds);
  }
  if (mode.kind === 'limited') {
    const body = 'Ingestion rate limit exceeded for user fake (limit: 0 bytes/sec)';
    return answer(429, body, mode.retryAfterSeconds);
  }
  if (mode.status === 503) return answer(503, 'Service Unavailable');
  return answer(500, 'rpc error: code = DeadlineExceeded desc = context deadline exceeded');
}

/** A mode that came as JSON, checked field by field; throws TypeError. */
export function checkMode(value: unknown): Mode {
  if (typeof value === 'string') return checkMode({ kind: value });
  if (typeof value !== 'object' || value === null) throw new TypeError('mode: no object');
  const fields = value as Record<string, unknown>;
  const kind = fields['kind'];
  if (typeof kind !== 'string' || !kinds.includes(kind)) {
    throw new TypeError(`mode: kind must be one of ${kinds.join(', ')}`);
  }
  checkFields(kind, fields);
  return value as Mode;
}

function isStatus(status: unknown): boolean {
  return typeof status === 'number' && status >= 200 && status <= 599;
}

function checkFields(kind: string, fields: Record<string, unknown>): void {
  for (const name of numberFields) {
    const field = fields[name];
    if (field !== undefined && (typeof field !== 'number' || !(field >= 0))) {
      throw new TypeError(`mode: ${name} must be a number of at least 0`);
    }
  }
  if (kind === 'slow' && fields['delayMs'] === undefined) throw new TypeError('mode: no delayMs');
  if (kind === 'status' && !isStatus(fields['status'])) {
    throw new TypeError('mode: status must be 200 to 599');
  }
  if (kind === 'cut' && !Object.keys(cutKinds).includes(String(fields['at']))) {
    throw new TypeError('mode: at must be request, body or answer');
  }
  if (kind === 'refusing' && !(Number(fields['everyNth']) >= 1)) {
    throw new TypeError('mode: everyNth must be at least 1');
  }
}
