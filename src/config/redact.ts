/**
 * What of a URL may appear in a log line or an error message.
 * It works on text that may not be a URL at all, because messages about wrong
 * URLs are where passwords leak. It must never show userinfo or query values.
 */

/** Stands for whatever was taken out. */
export const redacted = '***';

/**
 * The text with userinfo, query values and fragment replaced. When in doubt it
 * takes out more: everything up to the LAST `@`, since an unescaped `/`, `?` or
 * `#` in a password moves the rest of it out of what a URL parser calls userinfo;
 * and all that follows a colon without a port, which may be a URL cut before its `@`.
 */
export function redactUrl(text: string): string {
  return redactPortless(redactQuery(redactUserinfo(text)));
}

function redactUserinfo(text: string): string {
  const at = text.lastIndexOf('@');
  if (at < 0) return text;
  const scheme = /^\s*[a-z][a-z0-9+.-]*:\/\//i.exec(text)?.[0] ?? '';
  return `${scheme}${redacted}${text.slice(at)}`;
}

function redactQuery(text: string): string {
  const hash = text.indexOf('#');
  const shown = hash < 0 ? text : `${text.slice(0, hash)}#${redacted}`;
  const mark = shown.indexOf('?');
  if (mark < 0) return shown;
  const query = shown.slice(mark + 1).replace(/=[^&#]*/g, `=${redacted}`);
  return `${shown.slice(0, mark)}?${query}`;
}

function redactPortless(text: string): string {
  for (const { 0: found, index } of text.matchAll(/\[[0-9a-f:.]*\]|:(?!\/\/)/gi)) {
    if (found !== ':') continue;
    const isPort = /^\d{1,5}(?:[/?#,\s]|$)/.test(text.slice(index + 1, index + 7));
    if (!isPort) return `${text.slice(0, index + 1)}${redacted}`;
  }
  return text;
}
