/**
 * The state of one execution. It belongs to that execution alone; nothing may keep it.
 */
import type { TemplateValue } from './value.ts';

/** Output so far, the variables of the template that runs, and how deep `{{template}}` is. */
export interface Run {
  out: string;
  variables: TemplateValue[];
  depth: number;
}

/** A compiled expression. */
export type Eval = (run: Run, dot: TemplateValue) => TemplateValue;
