/**
 * Go's eq and lt on values of basic kinds. Values of different kinds cannot be compared; that is an
 * error and never a false.
 */
import { spend } from './budget.ts';
import { TemplateError } from './error.ts';
import { formatPlain } from './format.ts';
import type { TemplateValue } from './value.ts';
import { compareText, isList, isMap, isNil, typeName } from './value.ts';

const basicTypes = ['string', 'boolean', 'number', 'bigint'];

function isBasic(value: TemplateValue): boolean {
  return basicTypes.includes(typeof value);
}

/** Whether the first value equals any of the others. Throws TemplateError if Go cannot tell. */
export function equalsAny(first: TemplateValue, others: readonly TemplateValue[]): boolean {
  if (others.length === 0) throw new TemplateError('missing argument for comparison');
  if (isList(first) || isMap(first)) throw nonComparable(first);
  for (const other of others) {
    if (equals(first, other)) return true;
  }
  return false;
}

function equals(first: TemplateValue, other: TemplateValue): boolean {
  if (isNil(first) || isNil(other)) return isNil(first) && isNil(other);
  const bothAreOthers = !isBasic(first) && !isBasic(other);
  if (typeof first !== typeof other || isBasic(first) !== isBasic(other)) {
    throw new TemplateError('incompatible types for comparison');
  }
  if (bothAreOthers && (isList(other) || isMap(other))) throw nonComparable(other);
  return first === other;
}

function nonComparable(value: TemplateValue): TemplateError {
  return new TemplateError(`non-comparable type ${formatPlain(value)}: ${typeName(value)}`);
}

/** Whether the first value is less. Throws TemplateError if Go has no order for them. */
export function isLess(first: TemplateValue, second: TemplateValue): boolean {
  spend(1);
  for (const value of [first, second]) {
    if (!isBasic(value)) throw new TemplateError('invalid type for comparison');
  }
  if (typeof first === 'string' && typeof second === 'string') {
    return compareText(first, second) < 0;
  }
  if (typeof first === 'number' && typeof second === 'number') return first < second;
  if (typeof first === 'bigint' && typeof second === 'bigint') return first < second;
  const areBooleans = typeof first === 'boolean' && typeof second === 'boolean';
  throw new TemplateError(
    areBooleans ? 'invalid type for comparison' : 'incompatible types for comparison',
  );
}

/** Whether the first value is less or equal. */
export function isLessOrEqual(first: TemplateValue, second: TemplateValue): boolean {
  return isLess(first, second) || first === second;
}
