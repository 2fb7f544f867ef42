/**
 * Go's html, js and urlquery: what text/template's HTMLEscaper, JSEscaper and URLQueryEscaper do
 * to a text. Pure.
 */
import { isPrintable } from './quote.ts';

const htmlEscapes: Record<string, string> = {
  '\0': '\ufffd',
  '"': '&#34;',
  "'": '&#39;',
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
};
const jsEscapes: Record<string, string> = {
  '\\': '\\\\',
  "'": "\\'",
  '"': '\\"',
};
const jsCoded = '<>&=';

/** For HTML text and attributes. */
export function escapeHtml(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what it looks for
  return text.replaceAll(/[\0"'&<>]/g, (char) => htmlEscapes[char] ?? char);
}

/** For a string in JavaScript. */
export function escapeJs(text: string): string {
  let out = '';
  for (const char of text) {
    const code = char.codePointAt(0) ?? 0;
    const isCoded = code < 0x20 || jsCoded.includes(char) || (code > 0x7e && !isPrintable(char));
    out += jsEscapes[char] ?? (isCoded && code !== 0x7f ? jsCode(code) : char);
  }
  return out;
}

function jsCode(code: number): string {
  return `\\u${code.toString(16).toUpperCase().padStart(4, '0')}`;
}

/** For a value in the query of a URL. */
export function escapeQuery(text: string): string {
  return encodeURIComponent(text.toWellFormed())
    .replaceAll(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%20', '+');
}
