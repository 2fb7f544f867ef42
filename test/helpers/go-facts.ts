/**
 * What Go itself answers to templates, and what the room `template` does. `go-facts.json` holds templates with the output or the error of Go's
 * text/template (1.19) under moby's function map, and under promtail's with sprig's, recorded from a
 * program that runs them on the data below. Rows on which Go has changed since, that read the clock
 * or that are left out here on purpose are not among them.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { parseTemplate, TemplateError } from '../../src/template/template.ts';
import type { TemplateFunctions, TemplateValue } from '../../src/template/value.ts';
import { StringMap, Struct } from '../../src/template/value.ts';

/** Output, or the message of an error at parsing or executing. */
export type Answer = string | { parse: string } | { execute: string };
type Facts = Record<'docker' | 'promtail' | 'printf', [string, Answer][]>;

const file = path.join(import.meta.dirname, '../template/go-facts.json');
/** The recorded answers. */
export const facts = JSON.parse(fs.readFileSync(file, 'utf8')) as Facts;
/** The same values that the recording program had. */
function goData(): TemplateValue {
  const info = {
    Config: new StringMap([['a', 'b']]),
    Count: 3n,
    F: 2.5,
    L: ['x', 'y'],
    Name: () => 'web',
    Host: () => {
      throw new Error('no host');
    },
  };
  const nested = new Map<string, TemplateValue>([
    ['b', 2n],
    ['a', 'one'],
    ['nil', null],
    ['m', new Map([['x', 1n]])],
  ]);
  const values: Record<string, TemplateValue> = {
    Value: 'Hello World',
    Entry: 'line one\nline two',
    level: 'WARN',
    s: 'x',
    empty: '',
    n: 42n,
    neg: -7n,
    f: 3.5,
    big: 1e21,
    t: true,
    no: false,
    nil: null,
    list: ['a', 'b', 3n, null],
    strs: ['b', 'a', 'c'],
    none: [],
    map: nested,
    labels: new StringMap([
      ['com.docker.x', 'y'],
      ['k', 'v'],
    ]),
    info: new Struct(info, { typeName: 'main.info' }),
    u: "Grüße, 世界 😀 <a href='x'>&\"",
  };
  return new Map(Object.entries(values));
}

/** What happens here, in the form of the facts; of an error only where it comes from. */
export function answerTo(source: string, functions: TemplateFunctions): Answer {
  try {
    const template = parseTemplate(source, functions);
    try {
      return template.execute(goData());
    } catch (error) {
      assert.ok(error instanceof TemplateError && error.cause === undefined, source);
      return { execute: error.message };
    }
  } catch (error) {
    assert.ok(error instanceof TemplateError, source);
    return { parse: error.message };
  }
}

/** Asserts the same output, or an error of the same phase. */
export function assertAgrees(source: string, expected: Answer, functions: TemplateFunctions): void {
  const answer = answerTo(source, functions);
  if (typeof expected === 'string') assert.deepEqual(answer, expected, source);
  else assert.deepEqual(Object.keys(answer), Object.keys(expected), `${source}: no such error`);
}
