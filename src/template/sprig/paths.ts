/**
 * Sprig's paths: Go's package path, and filepath as it is on Linux, which is the same. They never
 * look at a file.
 */

import { define } from '../function.ts';
import type { TemplateFunction } from '../value.ts';

/** base, dir, clean, ext, isAbs and their `os` twins. */
export const pathFunctions: readonly (readonly [string, TemplateFunction])[] = [
  ...both('base', define(['string'], base)),
  ...both(
    'dir',
    define(['string'], (path) => clean(path.slice(0, path.lastIndexOf('/') + 1))),
  ),
  ...both('clean', define(['string'], clean)),
  ...both('ext', define(['string'], extension)),
  ...both(
    'isAbs',
    define(['string'], (path) => path.startsWith('/')),
  ),
];

function both(name: string, called: TemplateFunction): [string, TemplateFunction][] {
  const osName = `os${name.slice(0, 1).toUpperCase()}${name.slice(1)}`;
  return [
    [name, called],
    [osName, called],
  ];
}

function base(path: string): string {
  if (path === '') return '.';
  let end = path.length;
  while (end > 0 && path[end - 1] === '/') end -= 1;
  return end === 0 ? '/' : path.slice(path.lastIndexOf('/', end - 1) + 1, end);
}

function extension(path: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const dot = name.lastIndexOf('.');
  return dot < 0 ? '' : name.slice(dot);
}

/** The shortest path that is the same by its text alone. */
function clean(path: string): string {
  const isRooted = path.startsWith('/');
  const kept: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    const canGoUp = kept.length > 0 && kept.at(-1) !== '..';
    if (part !== '..') kept.push(part);
    else if (canGoUp) kept.pop();
    else if (!isRooted) kept.push('..');
  }
  const joined = (isRooted ? '/' : '') + kept.join('/');
  return joined === '' ? '.' : joined;
}
