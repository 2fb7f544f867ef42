/**
 * The one error of this room. Its message never holds the data that a template was given beyond
 * what Go's own message would quote, and it is the only thing that parsing and executing throw.
 */

/** A template that Go would refuse, at parsing or at executing; the message is like Go's. */
export class TemplateError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'TemplateError';
  }
}

/**
 * An error of a position: `template: line:column: what`. As in Go, lines count from 1 and
 * columns, in UTF-16 units here, from 0.
 */
export function errorAt(source: string, at: number, what: string): TemplateError {
  const before = source.slice(0, at);
  const line = before.split('\n').length;
  const column = at - (before.lastIndexOf('\n') + 1);
  return new TemplateError(`template: ${line}:${column}: ${what}`);
}
