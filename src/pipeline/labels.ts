/**
 * The labels of a stream, as the selector string that Loki's push API takes.
 * Equal labels must give equal strings, always: order, quoting and cutting are
 * fixed here, and a name or value that Loki would refuse must never come out.
 */
import { goQuote } from './go-quote.ts';

/** Loki refuses a stream with more labels (`max_label_names_per_series`). */
export const labelsMax = 15;
/** Loki refuses a longer label value, in bytes of UTF-8. */
export const labelValueBytesMax = 2048;
/** Loki refuses a longer label name, in bytes. */
export const labelNameBytesMax = 1024;
/** Labels that the driver sets by itself; they win over external labels of the same name. */
export const ownLabelNames = ['host', 'source'] as const;

const validName = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/** Whether Loki takes this as a label name. */
export function isLabelName(name: string): boolean {
  return validName.test(name) && name.length <= labelNameBytesMax;
}

/** Turns any text into a label name: other characters become `_`, a leading digit gets one. */
export function sanitizeLabelName(text: string): string {
  const name = text.replace(/[^a-zA-Z0-9_]/gu, '_');
  return (/^[a-zA-Z_]/.test(name) ? name : `_${name}`).slice(0, labelNameBytesMax);
}

/**
 * The selector `{container_name="x", host="h", source="stdout"}` of these labels, whose names must
 * be valid already: names sorted, values cut to 2,048 bytes and quoted as Go does. Labels with an
 * empty value are left out, because to Prometheus and Loki they are the same as absent ones.
 */
export function formatSelector(labels: ReadonlyMap<string, string>): string {
  const parts: string[] = [];
  // Valid names are ASCII, so the order of UTF-16 units is the order of Go's bytes.
  for (const name of [...labels.keys()].sort()) {
    const value = cutLabelValue(labels.get(name) ?? '');
    if (value !== '') parts.push(`${name}=${goQuote(value)}`);
  }
  return `{${parts.join(', ')}}`;
}

/** The longest beginning of a value that Loki takes. */
export function cutLabelValue(text: string): string {
  // A unit of UTF-16 has one to three bytes: most values need no count, and of those that are
  // megabytes long the beginning is enough.
  if (text.length * 3 <= labelValueBytesMax) return text;
  const bytes = Buffer.from(text.slice(0, labelValueBytesMax + 1));
  if (bytes.length <= labelValueBytesMax) return text;
  let end = labelValueBytesMax;
  // A byte 10xxxxxx continues a character: step back to where that character begins.
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.toString('utf8', 0, end);
}
