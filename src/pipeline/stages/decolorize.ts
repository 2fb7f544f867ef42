/**
 * `decolorize`: takes escape sequences for colours and the like out of the line. It has no
 * options.
 *
 *   decolorize:
 */
import type { ConfigNode } from '../config-node.ts';
import type { Entry } from '../entry.ts';
import type { Stage, StageContext } from '../stage.ts';

/** See the module comment. */
export function compileDecolorize(config: ConfigNode, { warn }: StageContext): Stage {
  for (const [name, node] of config.entries('decolorize')) {
    warn(node, `decolorize has no option ${name}; it is ignored`);
  }
  return {
    process(entry: Entry): boolean {
      const { text } = entry;
      if (text.includes('\u001b') || text.includes('\u009b')) entry.text = withoutEscapes(text);
      return true;
    },
  };
}

const [escape, sequence, bell] = [0x1b, 0x9b, 0x07].map((code) => String.fromCharCode(code));
const escapes = new RegExp(`[${escape}${sequence}]`, 'g');
/** Marks in front of the numbers. */
const marks = /[[\]()#;?]*/y;
/** A title, or another text up to the bell. */
const upToBell = new RegExp(`[a-zA-Z\\d;]*${bell}`, 'y');
/** Numbers, at most four digits each. */
const numbers = /\d{1,4}(?:;\d{0,4})*/y;
const lastCharacter = /[\dA-PRZcf-ntqry=><~]/y;

/**
 * What promtail's pattern for ANSI escapes matches goes:
 * `[\x1b\x9b][[\]()#;?]*(?:(?:(?:[a-zA-Z\d]*(?:;[a-zA-Z\d]*)*)?\x07)|(?:(?:\d{1,4}(?:;\d{0,4})*)?[\dA-PRZcf-ntqry=><~]))`
 * As one pattern it would take quadratic time for a line of semicolons, so its parts are tried one
 * behind the other, none of which can fail late.
 */
export function withoutEscapes(text: string): string {
  let result = '';
  let done = 0;
  escapes.lastIndex = 0;
  for (let found = escapes.exec(text); found !== null; found = escapes.exec(text)) {
    const end = endOfEscape(text, found.index + 1);
    if (end < 0) continue;
    result += text.slice(done, found.index);
    done = end;
    escapes.lastIndex = end;
  }
  return done === 0 ? text : result + text.slice(done);
}

/** Where the escape ends whose first character is behind `start`; -1: it is none. */
function endOfEscape(text: string, start: number): number {
  const begin = matchEnd(marks, text, start);
  const titleEnd = matchEnd(upToBell, text, begin);
  if (titleEnd >= 0) return titleEnd;
  const numbersEnd = matchEnd(numbers, text, begin);
  const end = matchEnd(lastCharacter, text, Math.max(numbersEnd, begin));
  if (end >= 0 || numbersEnd < 0) return end;
  // Nothing follows: the last digit is the last character, and what is behind it stays.
  let last = numbersEnd;
  while (text[last - 1] === ';') last -= 1;
  return last;
}

function matchEnd(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : -1;
}
