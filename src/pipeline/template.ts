/**
 * The templates in label values, as Docker's logging drivers have them.
 * This version knows `{{.Name}}` alone. It must never guess: a template that it
 * does not understand is an option error, for a wrong label cannot be taken back.
 */
import { DriverError } from '../base/errors.ts';

/** What a template may refer to. */
export interface TemplateFields {
  /** The container's name, without the leading slash. */
  readonly name: string;
}

/** A compiled template: fields in, text out. Pure. */
export type Template = (fields: TemplateFields) => string;

const nameAction = /\{\{\s*\.Name\s*\}\}/;

/**
 * Compiles plain text with any number of `{{.Name}}` (spaces inside are fine).
 * Throws DriverError `invalid_option` on any other `{{`.
 */
export function compileTemplate(text: string): Template {
  const pieces = text.split(nameAction);
  if (pieces.some((piece) => piece.includes('{{'))) {
    throw new DriverError(
      'invalid_option',
      `the template "${text}" is not understood; allowed is plain text with {{.Name}} in it`,
    );
  }
  return (fields) => pieces.join(fields.name);
}
