/**
 * The randomness of made-up logs: the same seed gives the same text on every machine, and what
 * real systems draw from long tails (clients, paths, durations) is drawn from long tails here.
 */

/** A choice with a long tail: few values come often, most seldom. */
export type Pool = () => string;

/** See the module comment. */
export class Dice {
  #a: number;
  #b = 0x9e3779b9;
  #c = 0x243f6a88;
  #counter = 1;

  constructor(seed: number) {
    this.#a = seed | 0;
    for (let round = 0; round < 12; round += 1) this.#next();
  }

  /** At least 0 and below 1, with 32 random bits. */
  float(): number {
    return this.#next() / 2 ** 32;
  }

  /** A whole number from `low` to `high`, both included. */
  int(low: number, high: number): number {
    return low + Math.floor(this.float() * (high - low + 1));
  }

  /** True so often, of 1. */
  chance(probability: number): boolean {
    return this.float() < probability;
  }

  /** Each value as likely as the others. */
  pick<T>(values: readonly [T, ...T[]]): T {
    return values[Math.floor(this.float() * values.length)] ?? values[0];
  }

  /** By weight. */
  weighted<T>(values: readonly [readonly [T, number], ...(readonly [T, number])[]]): T {
    let rest = this.float() * values.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [value, weight] of values) {
      rest -= weight;
      if (rest < 0) return value;
    }
    return values[0][0];
  }

  /** `count` values of which the n-th is n times as rare as the first. */
  pool(count: number, make: () => string): Pool {
    const values = Array.from({ length: count }, make);
    const logCount = Math.log(count + 1);
    return () => values[Math.floor(Math.exp(this.float() * logCount)) - 1] ?? '';
  }

  /** Around `median`; one in 40 is above `median * spread ** 2`. */
  logNormal(median: number, spread: number): number {
    const normal =
      Math.sqrt(-2 * Math.log(1 - this.float())) * Math.cos(2 * Math.PI * this.float());
    return median * spread ** normal;
  }

  /** The time to the next of many independent events. */
  exponential(mean: number): number {
    return -Math.log(1 - this.float()) * mean;
  }

  /** So many hexadecimal digits. */
  hex(digits: number): string {
    let text = '';
    while (text.length < digits) text += this.#next().toString(16).padStart(8, '0');
    return text.slice(0, digits);
  }

  /** A random UUID. */
  uuid(): string {
    const variant = this.pick(['8', '9', 'a', 'b']);
    return `${this.hex(8)}-${this.hex(4)}-4${this.hex(3)}-${variant}${this.hex(3)}-${this.hex(12)}`;
  }

  /** A public IPv4 address. */
  ip(): string {
    return `${this.int(11, 223)}.${this.int(0, 255)}.${this.int(0, 255)}.${this.int(1, 254)}`;
  }

  /** sfc32, by Chris Doty-Humphrey. */
  #next(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    return sum >>> 0;
  }
}

/** A number with leading zeros. */
export function padded(value: number, digits: number): string {
  return String(Math.floor(value)).padStart(digits, '0');
}

/** One of the made-up programs: the lines of its next event, which happens at this time. */
export type Program = (dice: Dice) => {
  /** Events in a second. */
  readonly rate: number;
  readonly event: (timeMs: number) => readonly string[];
};
