/**
 * Lines of one length for benchmarks of `docker logs`: the made-up texts of six kinds, cut where
 * the length says. The lines must not compress better than those of real systems do.
 */
import { Dice } from './texts/dice.ts';
import { textKinds } from './texts.ts';

/** Bytes of each line, its newline included. */
export const lineBytes = 100;
/** The byte that ends a line. */
export const newline = 0x0a;

/** So many lines. Those of one kind stand together. */
export function buildLines(lines: number): Buffer {
  const kinds = Object.values(textKinds);
  const text = Buffer.alloc(lines * lineBytes, ' ');
  let at = 0;
  for (const [index, program] of kinds.entries()) {
    const dice = new Dice(index + 1);
    const { rate, event } = program(dice);
    const end = Math.ceil((text.length * (index + 1)) / kinds.length);
    for (let atMs = Date.now(); at < end; atMs += dice.exponential(1000 / rate)) {
      for (const line of event(atMs)) at += text.write(`${line} `, at);
    }
  }
  for (let end = lineBytes - 1; end < text.length; end += lineBytes) text[end] = newline;
  return text;
}
