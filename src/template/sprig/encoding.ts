/**
 * Sprig's encodings and checksums. None is a secret's business: the ones for passwords and keys
 * are left out.
 */
import { createHash } from 'node:crypto';
import { checkTextLength, spendOnChars } from '../budget.ts';
import { define } from '../function.ts';
import type { TemplateFunction } from '../value.ts';

/** base64, base32, SHA and Adler-32. */
export const encodingFunctions: readonly (readonly [string, TemplateFunction])[] = [
  ['b64enc', define(['string'], (text) => Buffer.from(text).toString('base64'))],
  ['b64dec', define(['string'], decodeBase64)],
  ['b32enc', define(['string'], encodeBase32)],
  ['b32dec', define(['string'], decodeBase32)],
  ['sha1sum', define(['string'], (text) => hexDigest('sha1', text))],
  ['sha256sum', define(['string'], (text) => hexDigest('sha256', text))],
  ['sha512sum', define(['string'], (text) => hexDigest('sha512', text))],
  ['adler32sum', define(['string'], (text) => String(adler32(Buffer.from(text))))],
];

const base32Digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const adlerModulus = 65_521;

/** A digest of the UTF-8 of a text, in hexadecimal. */
export function hexDigest(algorithm: string, text: string): string {
  return createHash(algorithm).update(text).digest('hex');
}

/** As Go's decoders the error is the result; ends of lines are passed over. */
function decodeBase64(text: string): string {
  const clean = text.replaceAll(/[\r\n]/g, '');
  const wrongAt = wrongPlace(clean, /^[A-Za-z0-9+/]*/, 4, /^(?:|==?)$/);
  if (wrongAt >= 0) return `illegal base64 data at input byte ${wrongAt}`;
  return Buffer.from(clean, 'base64').toString();
}

/** Where an encoded text is wrong, -1 if it is right. */
function wrongPlace(text: string, digits: RegExp, block: number, padding: RegExp): number {
  const length = digits.exec(text)?.[0].length ?? 0;
  const isWhole = text.length % block === 0 && padding.test(text.slice(length));
  if (isWhole) return -1;
  return length < text.length ? length : text.length - (text.length % block);
}

function encodeBase32(text: string): string {
  checkTextLength(Math.ceil(text.length / 5) * 8);
  spendOnChars(text);
  let bits = 0;
  let count = 0;
  let out = '';
  for (const byte of Buffer.from(text)) {
    bits = ((bits << 8) | byte) & 0xffff;
    count += 8;
    while (count >= 5) {
      count -= 5;
      out += base32Digits[(bits >> count) & 31] ?? '';
    }
  }
  if (count > 0) out += base32Digits[(bits << (5 - count)) & 31] ?? '';
  return out.padEnd(Math.ceil(out.length / 8) * 8, '=');
}

function decodeBase32(text: string): string {
  spendOnChars(text);
  const clean = text.replaceAll(/[\r\n]/g, '');
  const wrongAt = wrongPlace(clean, /^[A-Z2-7]*/, 8, /^(?:|=|={3}|={4}|={6})$/);
  if (wrongAt >= 0) return `illegal base32 data at input byte ${wrongAt}`;
  let bits = 0;
  let count = 0;
  const bytes: number[] = [];
  for (const digit of clean.replace(/=+$/, '')) {
    bits = ((bits << 5) | base32Digits.indexOf(digit)) & 0xffff;
    count += 5;
    if (count < 8) continue;
    count -= 8;
    bytes.push((bits >> count) & 0xff);
  }
  return Buffer.from(bytes).toString();
}

function adler32(bytes: Uint8Array): number {
  let low = 1;
  let high = 0;
  for (const byte of bytes) {
    low = (low + byte) % adlerModulus;
    high = (high + low) % adlerModulus;
  }
  return high * 0x10000 + low;
}
