/**
 * Layouts of Go's package time: a text that shows how the reference time
 * `Mon Jan 2 15:04:05 MST 2006` is written. Here they are cut into parts; what is no part of the
 * reference time stands for itself. Every text is a layout, so there are no errors.
 */

/** What a part is; `text` stands for itself. */
export type PartKind =
  | 'text'
  | 'year'
  | 'shortYear'
  | 'month'
  | 'zeroMonth'
  | 'monthName'
  | 'longMonthName'
  | 'weekday'
  | 'longWeekday'
  | 'day'
  | 'spaceDay'
  | 'zeroDay'
  | 'spaceYearDay'
  | 'zeroYearDay'
  | 'hour'
  | 'hour12'
  | 'zeroHour12'
  | 'minute'
  | 'zeroMinute'
  | 'second'
  | 'zeroSecond'
  | 'upperHalf'
  | 'lowerHalf'
  | 'fraction'
  | 'shortFraction'
  | 'offset'
  | 'zoneName';

/** One part. */
export interface LayoutPart {
  readonly kind: PartKind;
  /** As it stands in the layout. */
  readonly text: string;
  /** Seconds: whether the next part is a fraction of them, so that it takes the digits. */
  isBeforeFraction: boolean;
}

/** A layout, cut. */
export type Layout = readonly LayoutPart[];

/** In the order in which Go looks for them: the first that fits counts. */
const tokens: readonly (readonly [text: string, kind: PartKind])[] = [
  ['January', 'longMonthName'],
  ['Jan', 'monthName'],
  ['Monday', 'longWeekday'],
  ['Mon', 'weekday'],
  ['MST', 'zoneName'],
  ['01', 'zeroMonth'],
  ['02', 'zeroDay'],
  ['03', 'zeroHour12'],
  ['04', 'zeroMinute'],
  ['05', 'zeroSecond'],
  ['06', 'shortYear'],
  ['002', 'zeroYearDay'],
  ['15', 'hour'],
  ['1', 'month'],
  ['2006', 'year'],
  ['2', 'day'],
  ['_2006', 'year'],
  ['_2', 'spaceDay'],
  ['__2', 'spaceYearDay'],
  ['3', 'hour12'],
  ['4', 'minute'],
  ['5', 'second'],
  ['PM', 'upperHalf'],
  ['pm', 'lowerHalf'],
  ...['-070000', '-07:00:00', '-0700', '-07:00', '-07'].map((text) => [text, 'offset'] as const),
  ...['Z070000', 'Z07:00:00', 'Z0700', 'Z07:00', 'Z07'].map((text) => [text, 'offset'] as const),
];

/** Month and Monk are no Mon. */
const lowerCase = /^[a-z]/;
/** Digits that are only zeros, or only nines, up to where the digits end. */
const fraction = /[.,](?:0+|9+)(?!\d)/y;

const known = new Map<string, Layout>();
/** Layouts that are kept cut. */
const knownMax = 256;

/** Cuts a layout; the same one is cut only once. */
export function cutLayout(layout: string): Layout {
  const found = known.get(layout);
  if (found !== undefined) return found;
  const parts = cut(layout);
  if (known.size >= knownMax) known.clear();
  known.set(layout, parts);
  return parts;
}

function cut(layout: string): Layout {
  const parts: LayoutPart[] = [];
  let text = '';
  let second: LayoutPart | undefined;
  const add = (kind: PartKind, token: string): void => {
    if (text !== '') parts.push({ kind: 'text', text, isBeforeFraction: false });
    text = '';
    const part = { kind, text: token, isBeforeFraction: false };
    if (second !== undefined) second.isBeforeFraction = kind.endsWith('raction');
    second = kind === 'second' || kind === 'zeroSecond' ? part : undefined;
    parts.push(part);
  };
  for (let at = 0; at < layout.length; ) {
    const [token, kind] = tokenAt(layout, at);
    at += token.length;
    if (kind === 'text') text += token;
    else if (token === '_2006') {
      // The underscore stands for itself.
      text += '_';
      add(kind, '2006');
    } else add(kind, token);
  }
  if (text !== '') parts.push({ kind: 'text', text, isBeforeFraction: false });
  return parts;
}

function tokenAt(layout: string, at: number): readonly [text: string, kind: PartKind] {
  fraction.lastIndex = at;
  const digits = fraction.exec(layout)?.[0];
  if (digits !== undefined) return [digits, digits[1] === '0' ? 'fraction' : 'shortFraction'];
  for (const token of tokens) {
    const [text, kind] = token;
    if (!layout.startsWith(text, at)) continue;
    const isName = kind === 'monthName' || kind === 'weekday';
    if (!isName || !lowerCase.test(layout.slice(at + text.length))) return token;
  }
  return [layout[at] ?? '', 'text'];
}
