/**
 * The door of the room: Go's text/template. A text is parsed once and executed for many values.
 * Neither may ever throw anything but TemplateError or take long, whatever text or data come.
 */
import { resetWork } from './budget.ts';
import { compile } from './compile.ts';
import { TemplateError } from './error.ts';
import { parse } from './parser.ts';
import type { TemplateFunctions, TemplateValue } from './value.ts';

export { TemplateError } from './error.ts';

/** A parsed template. */
export interface Template {
  /** Text for this data. Throws TemplateError when an action fails, as Go's Execute returns one. */
  execute(data: TemplateValue): string;
  /** Top-level fields that it mentions anywhere: `.Name` gives "Name", `$.Config.x` "Config". */
  readonly fields: ReadonlySet<string>;
}

/**
 * Parses a template. Throws TemplateError on what Go refuses to parse: bad syntax, unknown
 * functions, undefined variables; and on functions that this program leaves out.
 */
export function parseTemplate(text: string, functions: TemplateFunctions): Template {
  const parsed = parse(text, functions);
  const exec = compile(parsed, text, functions);
  return {
    fields: parsed.fields,
    execute: (data) => {
      const run = { out: '', variables: [], depth: 0 };
      resetWork();
      try {
        exec(run, data);
      } catch (error) {
        if (error instanceof TemplateError) throw error;
        const reason = error instanceof Error ? error.message : String(error);
        throw new TemplateError(`template: ${reason}`, { cause: error });
      }
      return run.out;
    },
  };
}
