/**
 * An immutable set of labels. Lines of one container carry few different sets, so that what was
 * derived once is found again: a stage that sets `level=info` on a thousand lines makes one set
 * and one selector. What is kept is bounded, in sets and in characters, and a value is cut to what
 * Loki allows before anything keeps it: values of labels come from whoever prints.
 */
import { cutLabelValue, formatSelector } from './labels.ts';

/** Sets that one root keeps, with all that were derived from them, before it forgets them. */
const derivedSetsMax = 10_000;
/** Characters of values in those sets; many times what labels of usual lengths come to. */
const derivedCharsMax = 8 * 1024 * 1024;

/** What is shared by all sets that come from one root. */
interface Family {
  readonly root: LabelSet;
  derived: number;
  chars: number;
}

/** See the module comment. */
export class LabelSet implements Iterable<readonly [string, string]> {
  readonly #labels: ReadonlyMap<string, string>;
  readonly #family: Family;
  readonly #with = new Map<string, Map<string, LabelSet>>();
  #selector: string | undefined;

  private constructor(labels: ReadonlyMap<string, string>, family?: Family) {
    this.#labels = labels;
    this.#family = family ?? { root: this, derived: 0, chars: 0 };
  }

  /** A root. Names must be valid; an empty value is the same as no label, and a long one is cut. */
  static of(labels: Iterable<readonly [string, string]>): LabelSet {
    const kept = [...labels].filter(([, value]) => value !== '');
    return new LabelSet(new Map(kept.map(([name, value]) => [name, cutLabelValue(value)])));
  }

  get size(): number {
    return this.#labels.size;
  }

  /** Undefined: there is no such label. */
  get(name: string): string | undefined {
    return this.#labels.get(name);
  }

  /** This set with the label in it, its value cut; an empty value takes it out. */
  with(name: string, given: string): LabelSet {
    const value = cutLabelValue(given);
    if ((this.#labels.get(name) ?? '') === value) return this;
    const known = this.#with.get(name)?.get(value);
    if (known !== undefined) return known;
    const labels = new Map(this.#labels);
    if (value === '') labels.delete(name);
    else labels.set(name, value);
    const made = new LabelSet(labels, this.#family);
    this.#keep(name, value, made);
    return made;
  }

  /** This set without the label. */
  without(name: string): LabelSet {
    return this.with(name, '');
  }

  /** As Loki takes it: sorted, quoted, values cut to what Loki allows. */
  get selector(): string {
    this.#selector ??= formatSelector(this.#labels);
    return this.#selector;
  }

  [Symbol.iterator](): IterableIterator<[string, string]> {
    return this.#labels.entries();
  }

  #keep(name: string, value: string, made: LabelSet): void {
    const family = this.#family;
    family.derived += 1;
    for (const text of made.#labels.values()) family.chars += text.length;
    if (family.derived > derivedSetsMax || family.chars > derivedCharsMax) {
      family.derived = 0;
      family.chars = 0;
      family.root.#with.clear();
      return;
    }
    const ofName = this.#with.get(name) ?? new Map<string, LabelSet>();
    this.#with.set(name, ofName);
    ofName.set(value, made);
  }
}
