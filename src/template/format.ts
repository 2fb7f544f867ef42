/**
 * Go's fmt: Sprintf, Sprint, Sprintln and `%v`. A wrong verb or a missing argument shows in the text
 * as in Go; it must never throw but for the limits on work and length.
 */
import { checkTextLength, spend } from './budget.ts';
import type { Spec } from './format-spec.ts';
import { newSpec } from './format-spec.ts';
import { formatValue } from './format-value.ts';
import type { TemplateValue } from './value.ts';
import { isNil, typeName } from './value.ts';

/** Go's bound of a width or precision. */
const sizeMax = 1_000_000;

/** A value as `%v` shows it, which is how an action prints it. */
export function formatPlain(value: TemplateValue): string {
  return typeof value === 'string' ? value : formatValue(newSpec(), value, 'v', 0);
}

/** fmt.Sprint: a space between two values that are no strings. */
export function sprint(values: readonly TemplateValue[]): string {
  let out = '';
  let wasText = true;
  for (const [index, value] of values.entries()) {
    const isText = typeof value === 'string';
    if (index > 0 && !isText && !wasText) out += ' ';
    out += formatPlain(value);
    checkTextLength(out.length);
    wasText = isText;
  }
  return out;
}

/** fmt.Sprintln: a space between all values, and the end of a line. */
export function sprintln(values: readonly TemplateValue[]): string {
  return `${values.map((value) => formatPlain(value)).join(' ')}\n`;
}

/** fmt.Sprintf. */
export function sprintf(format: string, values: readonly TemplateValue[]): string {
  return new Formatter(format, values).run();
}

/** Under `%v` the flags `#` and `+` do not mean what they mean under other verbs. */
function becomeGoSyntax(spec: Spec): void {
  spec.sharpV = spec.sharp;
  spec.plusV = spec.plus;
  spec.sharp = false;
  spec.plus = false;
}

class Formatter {
  readonly #format: string;
  readonly #values: readonly TemplateValue[];
  #at = 0;
  #next = 0;
  #reordered = false;
  #isGoodIndex = true;
  #out = '';

  constructor(format: string, values: readonly TemplateValue[]) {
    this.#format = format;
    this.#values = values;
  }

  run(): string {
    while (this.#at < this.#format.length) {
      const percent = this.#format.indexOf('%', this.#at);
      const end = percent < 0 ? this.#format.length : percent;
      this.#out += this.#format.slice(this.#at, end);
      if (percent < 0) break;
      this.#at = percent + 1;
      spend(1);
      this.#directive();
      checkTextLength(this.#out.length);
    }
    this.#extra();
    return this.#out;
  }

  /** One `%…`; the place is behind the percent sign. */
  #directive(): void {
    const spec = newSpec();
    this.#isGoodIndex = true;
    this.#flags(spec);
    let afterIndex = this.#argumentIndex();
    if (this.#format[this.#at] === '*') {
      this.#starWidth(spec);
      afterIndex = false;
    } else {
      spec.width = this.#number();
      if (afterIndex && spec.width !== undefined) this.#isGoodIndex = false;
    }
    if (this.#format[this.#at] === '.') {
      this.#at += 1;
      if (afterIndex) this.#isGoodIndex = false;
      afterIndex = this.#argumentIndex();
      if (this.#format[this.#at] === '*') {
        this.#starPrecision(spec);
        afterIndex = false;
      } else spec.precision = this.#number() ?? 0;
    }
    if (!afterIndex) this.#argumentIndex();
    this.#verb(spec);
  }

  #flags(spec: Spec): void {
    for (;;) {
      const flag = this.#format[this.#at];
      if (flag === '#') spec.sharp = true;
      else if (flag === '0') spec.zero = !spec.minus;
      else if (flag === '+') spec.plus = true;
      else if (flag === ' ') spec.space = true;
      else if (flag === '-') {
        spec.minus = true;
        spec.zero = false;
      } else return;
      this.#at += 1;
    }
  }

  #number(): number | undefined {
    const start = this.#at;
    let value = 0;
    for (;;) {
      const digit = this.#format.charCodeAt(this.#at) - 0x30;
      if (!(digit >= 0 && digit <= 9)) break;
      if (value > sizeMax) {
        // Go gives the rest of the format up.
        this.#at = this.#format.length;
        return undefined;
      }
      value = value * 10 + digit;
      this.#at += 1;
    }
    return this.#at === start ? undefined : value;
  }

  /** `[n]`: which argument comes next. Returns whether there was one. */
  #argumentIndex(): boolean {
    if (this.#format[this.#at] !== '[') return false;
    this.#reordered = true;
    const end = this.#format.indexOf(']', this.#at);
    if (end < 0) {
      this.#isGoodIndex = false;
      this.#at += 1;
      return false;
    }
    const written = this.#format.slice(this.#at + 1, end);
    this.#at = end + 1;
    const index = /^[0-9]+$/.test(written) ? Number(written) - 1 : -1;
    if (index < 0 || index >= this.#values.length) {
      this.#isGoodIndex = false;
      return true;
    }
    this.#next = index;
    return true;
  }

  /** The next argument as a size; undefined if it is none. */
  #starArgument(): number | undefined {
    this.#at += 1;
    const value = this.#values[this.#next];
    if (this.#next < this.#values.length) this.#next += 1;
    if (typeof value !== 'bigint') return undefined;
    const size = Number(value);
    return Math.abs(size) > sizeMax ? undefined : size;
  }

  #starWidth(spec: Spec): void {
    const width = this.#starArgument();
    if (width === undefined) this.#out += '%!(BADWIDTH)';
    else if (width < 0) {
      spec.minus = true;
      spec.zero = false;
      spec.width = -width;
    } else spec.width = width;
  }

  #starPrecision(spec: Spec): void {
    const precision = this.#starArgument();
    if (precision === undefined || precision < 0) this.#out += '%!(BADPREC)';
    else spec.precision = precision;
  }

  #verb(spec: Spec): void {
    const code = this.#format.codePointAt(this.#at);
    if (code === undefined) {
      this.#out += '%!(NOVERB)';
      return;
    }
    const verb = String.fromCodePoint(code);
    this.#at += verb.length;
    if (verb === '%') {
      this.#out += '%';
    } else if (!this.#isGoodIndex) {
      this.#out += `%!${verb}(BADINDEX)`;
    } else if (this.#next >= this.#values.length) {
      this.#out += `%!${verb}(MISSING)`;
    } else {
      if (verb === 'v') becomeGoSyntax(spec);
      this.#out += formatValue(spec, this.#values[this.#next], verb, 0);
      this.#next += 1;
    }
  }

  /** The arguments that no verb asked for; Go is silent when they were chosen by index. */
  #extra(): void {
    if (this.#reordered || this.#next >= this.#values.length) return;
    const shown = this.#values
      .slice(this.#next)
      .map((value) => (isNil(value) ? '<nil>' : `${typeName(value)}=${formatPlain(value)}`));
    this.#out += `%!(EXTRA ${shown.join(', ')})`;
  }
}
