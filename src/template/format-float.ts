/**
 * Floats as Go's strconv.FormatFloat writes them. Digits are computed exactly with integers, for
 * JavaScript's own functions round ties otherwise and change their notation for large numbers.
 */

/** Go stops at no precision; beyond this many digits every float64 has only zeros. */
const precisionMax = 1100;

/** The decimal digits of a positive number: `0.d1d2d3… × 10^point`. */
interface Digits {
  readonly digits: string;
  readonly point: number;
}

/**
 * A number in the notation `e`, `E`, `f`, `F`, `g`, `G`, `b`, `x` or `X`; without precision with the
 * fewest digits that are exact.
 */
export function formatFloat(
  value: number,
  notation: string,
  precision: number | undefined,
): string {
  if (Number.isNaN(value)) return 'NaN';
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  if (!Number.isFinite(value)) return sign === '' ? '+Inf' : '-Inf';
  const size = Math.abs(value);
  return sign + formatSize(size, notation, precision);
}

function formatSize(size: number, notation: string, precision: number | undefined): string {
  const mark = notation === 'E' || notation === 'G' ? 'E' : 'e';
  switch (notation) {
    case 'e':
    case 'E': {
      const shown = precision === undefined ? shortest(size) : significant(size, precision + 1);
      return exponential(shown, precision ?? shown.digits.length - 1, mark);
    }
    case 'f':
    case 'F': {
      if (precision !== undefined) return fixed(size, precision);
      const shown = shortest(size);
      return positional(shown, Math.max(0, shown.digits.length - shown.point));
    }
    case 'b': {
      const { mantissa, exponent } = partsOf(size);
      return `${mantissa}p${exponent < 0 ? '-' : '+'}${Math.abs(exponent)}`;
    }
    case 'x':
      return hexadecimal(size, precision);
    case 'X':
      return hexadecimal(size, precision).toUpperCase();
    default:
      return general(size, precision, mark);
  }
}

function general(size: number, precision: number | undefined, mark: string): string {
  const wanted = precision === 0 ? 1 : precision;
  const exact = wanted === undefined ? shortest(size) : significant(size, wanted);
  const digits = exact.digits.replace(/0+$/, '');
  const shown = { digits, point: exact.point };
  const count = digits.length;
  let threshold = wanted ?? 6;
  if (threshold > count && count >= shown.point) threshold = count;
  // Without precision Go decides by six digits, however many there are.
  if (wanted === undefined) threshold = 6;
  const exponent = shown.point - 1;
  if (exponent < -4 || exponent >= threshold)
    return exponential(shown, Math.max(0, count - 1), mark);
  return positional(shown, Math.max(0, count - shown.point));
}

/** `0x1.8p+01`, rounded half to even when there is a precision. */
function hexadecimal(size: number, precision: number | undefined): string {
  let { mantissa, exponent } = partsOf(size);
  if (mantissa === 0n) exponent = 0;
  else {
    const shift = 53 - mantissa.toString(2).length;
    mantissa <<= BigInt(shift);
    exponent += 52 - shift;
  }
  const kept = Math.min(precision ?? 13, 13);
  const dropped = BigInt(4 * (13 - kept));
  mantissa = divideEven(mantissa, 1n << dropped) << dropped;
  if (mantissa >> 53n > 0n) {
    mantissa >>= 1n;
    exponent += 1;
  }
  const lead = mantissa >> 52n;
  let fraction = (mantissa & ((1n << 52n) - 1n)).toString(16).padStart(13, '0');
  fraction = precision === undefined ? fraction.replace(/0+$/, '') : fraction.slice(0, kept);
  fraction = fraction.padEnd(precision ?? 0, '0');
  const power = String(Math.abs(exponent)).padStart(2, '0');
  return `0x${lead}${fraction === '' ? '' : `.${fraction}`}p${exponent < 0 ? '-' : '+'}${power}`;
}

/** `mantissa × 2^exponent`, exactly. */
function partsOf(size: number): { mantissa: bigint; exponent: number } {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, size);
  const bits = view.getBigUint64(0);
  const raw = Number(bits >> 52n);
  const fraction = bits & ((1n << 52n) - 1n);
  return {
    mantissa: raw === 0 ? fraction : fraction | (1n << 52n),
    exponent: (raw === 0 ? 1 : raw) - 1075,
  };
}

/** A quotient, rounded half to even. */
function divideEven(above: bigint, below: bigint): bigint {
  const whole = above / below;
  const twice = (above % below) * 2n;
  const roundsUp = twice > below || (twice === below && whole % 2n === 1n);
  return roundsUp ? whole + 1n : whole;
}

/** The fewest digits that tell the number from its neighbours. */
function shortest(size: number): Digits {
  if (size === 0) return { digits: '', point: 0 };
  const [mantissa = '', exponent = '0'] = size.toExponential().split('e');
  return { digits: mantissa.replace('.', ''), point: Number(exponent) + 1 };
}

/** Exactly so many digits, rounded half to even. */
function significant(size: number, count: number): Digits {
  if (size === 0) return { digits: '', point: 0 };
  const kept = Math.min(count, precisionMax);
  const exponent = Number(size.toExponential().split('e')[1]);
  let digits = scaled(size, kept - 1 - exponent).toString();
  let point = exponent + 1;
  if (digits.length > kept) {
    // Rounding made one digit more: 9.99 became 10.0.
    point += 1;
    digits = digits.slice(0, kept);
  }
  return { digits, point };
}

/** `size × 10^power` as an integer, rounded half to even. */
function scaled(size: number, power: number): bigint {
  const { mantissa, exponent } = partsOf(size);
  let above = mantissa;
  let below = 1n;
  if (power >= 0) above *= 10n ** BigInt(power);
  else below *= 10n ** BigInt(-power);
  if (exponent >= 0) above <<= BigInt(exponent);
  else below <<= BigInt(-exponent);
  return divideEven(above, below);
}

function fixed(size: number, precision: number): string {
  const kept = Math.min(precision, precisionMax);
  const digits = scaled(size, kept)
    .toString()
    .padStart(kept + 1, '0');
  const whole = digits.slice(0, digits.length - kept);
  const fraction = digits.slice(digits.length - kept).padEnd(precision, '0');
  return precision === 0 ? whole : `${whole}.${fraction}`;
}

function positional({ digits, point }: Digits, fractionLength: number): string {
  const whole = point > 0 ? digits.slice(0, point).padEnd(point, '0') : '0';
  if (fractionLength === 0) return whole;
  const fraction = (point < 0 ? '0'.repeat(-point) : '') + digits.slice(Math.max(0, point));
  return `${whole}.${fraction.slice(0, fractionLength).padEnd(fractionLength, '0')}`;
}

function exponential({ digits, point }: Digits, fractionLength: number, mark: string): string {
  const exponent = digits === '' ? 0 : point - 1;
  const fraction = digits.slice(1).padEnd(fractionLength, '0').slice(0, fractionLength);
  const power = String(Math.abs(exponent)).padStart(2, '0');
  const mantissa = `${digits[0] ?? '0'}${fractionLength > 0 ? `.${fraction}` : ''}`;
  return `${mantissa}${mark}${exponent < 0 ? '-' : '+'}${power}`;
}
