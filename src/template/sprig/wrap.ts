/**
 * Sprig's abbrev and wrap, which measure in bytes (Masterminds/goutils). Pure.
 */
import { checkTextLength } from '../budget.ts';
import { fromByteText, toByteText } from './byte-text.ts';

const ellipsis = '...';

/**
 * At most `width` bytes of a text, with dots for what is left out: at the end, and at the start if
 * `offset` says that the part in the middle is wanted.
 */
export function abbreviate(text: string, offset: number, width: number): string {
  // Sprig's own functions show a text as it is where goutils would refuse the width.
  if (width < 4) return text;
  return fromByteText(abbreviateBytes(toByteText(text), offset, width));
}

function abbreviateBytes(bytes: string, offset: number, width: number): string {
  if (width < 4) return '';
  if (bytes.length <= width) return bytes;
  const room = width - ellipsis.length;
  const start = Math.min(offset, bytes.length, bytes.length - room);
  if (start <= 4) return bytes.slice(0, room) + ellipsis;
  if (width < 7) return '';
  if (start + room >= bytes.length) return ellipsis + bytes.slice(bytes.length - room);
  return ellipsis + abbreviateBytes(bytes.slice(start), 0, room);
}

/**
 * Lines of at most `width` bytes, broken at spaces. A longer word is broken too if `breaksWords`
 * says so, and else has a line of its own.
 */
export function wrap(text: string, width: number, end: string, breaksWords: boolean): string {
  const bytes = toByteText(text);
  const lineEnd = toByteText(end === '' ? '\n' : end);
  const lineLength = Math.max(1, width);
  checkTextLength(bytes.length + (bytes.length / lineLength) * lineEnd.length);
  let out = '';
  let at = 0;
  while (bytes.length - at > lineLength) {
    if (bytes[at] === ' ') {
      at += 1;
      continue;
    }
    let space = bytes.lastIndexOf(' ', at + lineLength);
    if (space < at && !breaksWords) {
      space = bytes.indexOf(' ', at + lineLength);
      if (space < 0) break;
    }
    const isWord = space >= at;
    const next = isWord ? space : at + lineLength;
    out += bytes.slice(at, next) + lineEnd;
    at = isWord ? next + 1 : next;
  }
  return fromByteText(out + bytes.slice(at));
}
