/**
 * Decimal numbers as sprig's addf, subf, mulf and divf use them (shopspring/decimal): `0.1 + 0.2`
 * is `0.3`. Exact but for a quotient, which has 16 places behind the point.
 */

/** `coefficient × 10^exponent`. */
export interface Decimal {
  readonly coefficient: bigint;
  readonly exponent: number;
}

const quotientPlaces = 16;
/** Exponents are those of float64; more than that only a long product could reach. */
const exponentMax = 5000;

/** The shortest decimal of a float. Throws RangeError, as Go panics, on what is no number. */
export function decimalOf(value: number): Decimal {
  if (!Number.isFinite(value)) throw new RangeError(`Cannot create a Decimal from ${value}`);
  const [mantissa = '0', power = '0'] = value.toExponential().split('e');
  const fraction = mantissa.split('.')[1] ?? '';
  return {
    coefficient: BigInt(mantissa.replace('.', '')),
    exponent: Number(power) - fraction.length,
  };
}

/** The nearest float. */
export function decimalToFloat({ coefficient, exponent }: Decimal): number {
  return Number(`${coefficient}e${exponent}`);
}

function scaleTo({ coefficient, exponent }: Decimal, target: number): bigint {
  if (exponent - target > exponentMax) throw new RangeError('decimal is too large');
  return coefficient * 10n ** BigInt(exponent - target);
}

/** Sum. */
export function addDecimals(a: Decimal, b: Decimal): Decimal {
  const exponent = Math.min(a.exponent, b.exponent);
  return { coefficient: scaleTo(a, exponent) + scaleTo(b, exponent), exponent };
}

/** Difference. */
export function subtractDecimals(a: Decimal, b: Decimal): Decimal {
  return addDecimals(a, { coefficient: -b.coefficient, exponent: b.exponent });
}

/** Product. */
export function multiplyDecimals(a: Decimal, b: Decimal): Decimal {
  const exponent = a.exponent + b.exponent;
  if (Math.abs(exponent) > exponentMax) throw new RangeError('decimal is too large');
  return { coefficient: a.coefficient * b.coefficient, exponent };
}

/** Quotient, rounded half away from zero. Throws RangeError when dividing by zero. */
export function divideDecimals(a: Decimal, b: Decimal): Decimal {
  if (b.coefficient === 0n) throw new RangeError('decimal division by 0');
  const shift = a.exponent - b.exponent + quotientPlaces;
  if (Math.abs(shift) > exponentMax) throw new RangeError('decimal is too large');
  const above = a.coefficient * (shift > 0 ? 10n ** BigInt(shift) : 1n);
  const below = b.coefficient * (shift < 0 ? 10n ** BigInt(-shift) : 1n);
  const sizeAbove = above < 0n ? -above : above;
  const sizeBelow = below < 0n ? -below : below;
  const rounded = (sizeAbove * 2n + sizeBelow) / (sizeBelow * 2n);
  const isNegative = above < 0n !== below < 0n;
  return { coefficient: isNegative ? -rounded : rounded, exponent: -quotientPlaces };
}
