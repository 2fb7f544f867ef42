/**
 * What stages have found in a line, by name, as promtail's "extracted" map: values of JSON, with
 * the labels that the line began with below them. A stage reads and writes it; nothing of it is
 * shipped unless a stage says so.
 */

/** A value of JSON; composite ones are kept as their JSON text, as promtail does. */
export type ExtractedValue = string | number | bigint | boolean | null;

/** See the module comment. */
export class Extracted {
  #base: Iterable<readonly [string, string]> & { get(name: string): string | undefined };
  readonly #values = new Map<string, ExtractedValue>();
  /** Names of the base that were taken out. */
  #gone: Set<string> | undefined;

  /** `base`: the labels that the line began with. */
  constructor(
    base: Iterable<readonly [string, string]> & { get(name: string): string | undefined },
  ) {
    this.#base = base;
  }

  /** Forgets everything, for a line with these labels. */
  reset(
    base: Iterable<readonly [string, string]> & { get(name: string): string | undefined },
  ): void {
    this.#base = base;
    this.#gone = undefined;
    if (this.#values.size > 0) this.#values.clear();
  }

  /** Undefined: nothing has that name. Null is a value. */
  get(name: string): ExtractedValue | undefined {
    const value = this.#values.get(name);
    if (value !== undefined) return value;
    return this.#gone?.has(name) === true ? undefined : this.#base.get(name);
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  set(name: string, value: ExtractedValue): void {
    this.#values.set(name, value);
  }

  delete(name: string): void {
    this.#values.delete(name);
    this.#gone ??= new Set();
    this.#gone.add(name);
  }

  /** A copy of all of it. */
  toMap(): Map<string, ExtractedValue> {
    const all = new Map<string, ExtractedValue>();
    for (const [name, value] of this.#base)
      if (this.#gone?.has(name) !== true) all.set(name, value);
    for (const [name, value] of this.#values) all.set(name, value);
    return all;
  }

  /** A text for a value, as promtail's stages see it; undefined for null and for nothing. */
  text(name: string): string | undefined {
    return textOf(this.get(name));
  }

  /** An independent copy. */
  copy(): Extracted {
    const copy = new Extracted(this.#base);
    for (const [name, value] of this.#values) copy.#values.set(name, value);
    if (this.#gone !== undefined) copy.#gone = new Set(this.#gone);
    return copy;
  }
}

/**
 * Go's text for a value: numbers in decimal without an exponent (strconv.FormatFloat 'f', -1).
 * Undefined for null and for nothing.
 */
export function textOf(value: ExtractedValue | undefined): string | undefined {
  if (typeof value === 'string') return value;
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number') return decimalOf(value);
  return String(value);
}

/** A number in decimal, never with an exponent. */
export function decimalOf(value: number): string {
  const text = String(value);
  const match = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(text);
  if (match === null) return Number.isFinite(value) ? text : infiniteText(value);
  const [, sign = '', first = '', rest = '', exponent = '0'] = match;
  const digits = first + rest;
  const point = 1 + Number(exponent);
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  return `${sign}${digits.padEnd(point, '0')}`;
}

/** As Go prints them. */
function infiniteText(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  return value > 0 ? '+Inf' : '-Inf';
}
