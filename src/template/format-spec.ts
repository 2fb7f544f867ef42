/**
 * What stands between `%` and the verb in a format of Go's fmt. Pure.
 */

/** The flags, width and precision of one `%` directive. */
export interface Spec {
  sharp: boolean;
  /** `%#v`: Go's syntax. */
  sharpV: boolean;
  /** `%+v`: the names of fields. */
  plusV: boolean;
  zero: boolean;
  plus: boolean;
  minus: boolean;
  space: boolean;
  width: number | undefined;
  precision: number | undefined;
}

/** A directive without anything. */
export function newSpec(): Spec {
  return {
    sharp: false,
    sharpV: false,
    plusV: false,
    zero: false,
    plus: false,
    minus: false,
    space: false,
    width: undefined,
    precision: undefined,
  };
}

/** Pads to the width, which counts characters. */
export function pad(spec: Spec, text: string, zero = spec.zero): string {
  if (spec.width === undefined) return text;
  const missing = spec.width - Array.from(text).length;
  if (missing <= 0) return text;
  if (spec.minus) return text + ' '.repeat(missing);
  return (zero ? '0' : ' ').repeat(missing) + text;
}
