/**
 * Texts as strings of bytes: each character stands for one byte of the UTF-8. Much of sprig counts
 * and cuts bytes; so do the functions that work on this form. Such a text must never be printed.
 */
import { isAscii } from '../bytes.ts';

/** The bytes of a text. */
export function toByteText(text: string): string {
  return isAscii(text) ? text : Buffer.from(text).toString('latin1');
}

/** The text of bytes; what is no UTF-8 becomes U+FFFD. */
export function fromByteText(bytes: string): string {
  return isAscii(bytes) ? bytes : Buffer.from(bytes, 'latin1').toString();
}
