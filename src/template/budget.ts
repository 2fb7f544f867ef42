/**
 * How much one execution of a template may do. A template comes from a user's options and runs
 * for every log line, so it must never be able to stop the program: nested ranges, doubling
 * variables and values that hold themselves all end here in an error.
 *
 * The counter is one of the module, not of an execution: executing is synchronous and never
 * nested, and so the functions of a template need no handle of it.
 */
import { TemplateError } from './error.ts';

/** Longest output of one execution and longest string that a function makes, in UTF-16 units. */
export const textLengthMax = 4 << 20;

/** Most elements in a list that a function makes. */
export const listLengthMax = 100_000;

/** Deepest nesting of values that are printed, compared, copied or encoded. */
export const valueDepthMax = 100;

/** Deepest nesting of blocks and parentheses in a template; each level costs stack. */
export const nestingMax = 200;

/** Deepest nesting of `{{template}}` calls. */
export const templateDepthMax = 100;

/** Longest template, in UTF-16 units; options are far shorter. */
export const sourceLengthMax = 1 << 20;

/** Most commands in one pipeline; each costs stack. */
export const pipelineLengthMax = 100;

/**
 * Units of work in one execution. A unit is an action, a function, a turn of a loop, an element
 * of a value, or 32 characters of text given to a function, so that the worst template holds the
 * thread for about a second. A line of 16 KiB costs 512 of them for each function.
 */
const workMax = 1_000_000;

let workLeft = 0;

/** Begins an execution. */
export function resetWork(): void {
  workLeft = workMax;
}

/** Takes units of work. Throws TemplateError when there are no more. */
export function spend(units: number): void {
  workLeft -= units;
  if (workLeft < 0) {
    workLeft = 0;
    throw new TemplateError(`the template does too much: more than ${workMax} steps`);
  }
}

/** Takes the work of a function that goes through a text character by character. */
export function spendOnChars(text: string): void {
  if (text.length >= 8) spend(text.length >> 3);
}

/** Takes the work of a function that goes through so many elements. */
export function spendOnElements(count: number): void {
  if (count >= 4) spend(count >> 2);
}

/** Throws TemplateError when a text of that length may not be made. */
export function checkTextLength(length: number): void {
  if (length > textLengthMax) {
    throw new TemplateError(`text of ${length} characters; at most ${textLengthMax} are allowed`);
  }
}

/** Throws TemplateError when a list of that length may not be made. */
export function checkListLength(length: number): void {
  if (length > listLengthMax) {
    throw new TemplateError(`list of ${length} elements; at most ${listLengthMax} are allowed`);
  }
}

/** Counts one more element at this depth. Throws TemplateError when it is too deep or too much. */
export function enter(depth: number): void {
  spend(1);
  if (depth > valueDepthMax) {
    throw new TemplateError(`a value is nested deeper than ${valueDepthMax}`);
  }
}
