/**
 * Prometheus' relabelling, as `loki-relabel-config` has it: a list of rules that change the labels of
 * a container, or drop it. Everything that can be wrong is told when the list is read. It must never
 * let out a label whose name Loki would refuse, nor one that begins with `__`.
 */
import { createHash } from 'node:crypto';
import { nearestName } from '../base/nearest.ts';
import { compileAnchoredRegex, compileRegex, type GoRegex } from '../regex/go-regex.ts';
import { ConfigError, type ConfigNode, readYaml } from './config-node.ts';
import { isLabelName, sanitizeLabelName } from './labels.ts';

const actions = [
  ...['replace', 'keep', 'drop', 'keepequal', 'dropequal', 'hashmod'],
  ...['labelmap', 'labeldrop', 'labelkeep', 'lowercase', 'uppercase'],
] as const;
type Action = (typeof actions)[number];

const fieldNames = [
  ...['source_labels', 'separator', 'target_label', 'regex', 'modulus', 'replacement', 'action'],
] as const;
type Field = (typeof fieldNames)[number];
type Fields = Partial<Record<Field, ConfigNode>>;

/** Rules in one list. */
const rulesMax = 200;
const defaultPattern = '(.*)';
const defaultReplacement = '$1';
const defaultRegex = compileAnchoredRegex(defaultPattern);

const defaults: Partial<Record<Field, string>> = {
  separator: ';',
  target_label: '',
  regex: defaultPattern,
  modulus: '0',
  replacement: defaultReplacement,
};

/** Which fields beside `action` an action has; another one is an error, as in Prometheus. */
const fieldsOf: Readonly<Record<Action, readonly Field[]>> = {
  replace: ['source_labels', 'separator', 'target_label', 'regex', 'replacement', 'modulus'],
  keep: ['source_labels', 'separator', 'target_label', 'regex', 'replacement', 'modulus'],
  drop: ['source_labels', 'separator', 'target_label', 'regex', 'replacement', 'modulus'],
  hashmod: ['source_labels', 'separator', 'target_label', 'regex', 'replacement', 'modulus'],
  labelmap: ['source_labels', 'separator', 'target_label', 'regex', 'replacement', 'modulus'],
  lowercase: ['source_labels', 'separator', 'target_label', 'regex', 'modulus'],
  uppercase: ['source_labels', 'separator', 'target_label', 'regex', 'modulus'],
  keepequal: ['source_labels', 'target_label'],
  dropequal: ['source_labels', 'target_label'],
  labeldrop: ['regex'],
  labelkeep: ['regex'],
};

const needsTarget: readonly Action[] = [
  ...(['replace', 'hashmod', 'lowercase', 'uppercase', 'keepequal', 'dropequal'] as const),
];

/** What the rules work on: names and values, none of them empty. */
type Labels = Map<string, string>;
/** One rule; false: the container is dropped. */
type Rule = (labels: Labels) => boolean;

/** Compiled rules. */
export class Relabelling {
  readonly #rules: readonly Rule[];

  constructor(rules: readonly Rule[]) {
    this.#rules = rules;
  }

  /** The labels as the rules leave them; undefined when they drop the container. */
  apply(labels: ReadonlyMap<string, string>): Map<string, string> | undefined {
    const changed = new Map([...labels].filter(([, value]) => value !== ''));
    for (const rule of this.#rules) if (!rule(changed)) return undefined;
    for (const name of changed.keys()) if (name.startsWith('__')) changed.delete(name);
    return changed;
  }
}

/** Reads the YAML of a list of rules. Throws ConfigError: `rule 2, line 5: …`. */
export function parseRelabelling(yaml: string): Relabelling {
  const items = readYaml(yaml).items('the list of rules');
  if (items.length > rulesMax) {
    throw new ConfigError(`${items.length} rules are given; allowed are ${rulesMax}`);
  }
  return new Relabelling(
    items.map((item, index) => {
      try {
        return compileRule(item);
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        throw new ConfigError(`rule ${index + 1}, ${error.message}`, { cause: error });
      }
    }),
  );
}

function compileRule(item: ConfigNode): Rule {
  const fields = readFields(item);
  const action = readAction(fields.action);
  refuseIdleFields(fields, action);
  const rule = {
    action,
    valueOf: readSources(fields),
    regex: fields.regex?.regex('regex', compileAnchoredRegex) ?? defaultRegex,
    replacement: fields.replacement?.text('replacement') ?? defaultReplacement,
    target: readTarget(item, fields.target_label, action),
    modulus: readModulus(item, fields.modulus, action),
  };
  const isName = isTargetTemplate(rule.replacement) || isLabelName(rule.replacement);
  if (action === 'labelmap' && !isName) {
    fields.replacement?.fail(`replacement "${rule.replacement}" makes no name of a label`);
  }
  return makers[action](rule);
}

/** As in Prometheus: what an action does not take may stand there only as it is anyhow. */
function refuseIdleFields(fields: Fields, action: Action): void {
  const allowed = fieldsOf[action];
  for (const name of fieldNames) {
    const node = fields[name];
    if (node === undefined || name === 'action' || allowed.includes(name)) continue;
    if (isDefault(name, node)) continue;
    node.fail(`${name} cannot be set for action ${action}, which takes ${allowed.join(', ')}`);
  }
}

function readSources(fields: Fields): (labels: Labels) => string {
  const sources = (fields.source_labels?.items('source_labels') ?? []).map((node) => {
    const name = node.text('a label of source_labels');
    return isLabelName(name) ? name : node.fail(`source_labels: "${name}" is no name of a label`);
  });
  const separator = fields.separator?.text('separator') ?? defaults.separator;
  return (labels) => sources.map((name) => labels.get(name) ?? '').join(separator);
}

function readFields(item: ConfigNode): Fields {
  const fields: Fields = {};
  for (const [name, value] of item.entries('a rule')) {
    const known = fieldNames.find((each) => each === name);
    if (known !== undefined) {
      // An empty text is a value: `separator: ''`.
      if (!value.isNull) fields[known] = value;
      continue;
    }
    const nearest = nearestName(name, fieldNames);
    const hint = nearest === undefined ? fieldNames.join(', ') : `did you mean ${nearest}?`;
    value.fail(`a rule has no field ${name} (${hint})`);
  }
  return fields;
}

/** Whether it says what counts without it. */
function isDefault(name: Field, node: ConfigNode): boolean {
  return !node.isList && !node.isMap && node.text(name) === defaults[name];
}

function readAction(node: ConfigNode | undefined): Action {
  if (node === undefined) return 'replace';
  const text = node.text('action').toLowerCase();
  const action = actions.find((each) => each === text);
  if (action !== undefined) return action;
  const nearest = nearestName(text, actions);
  const hint = nearest === undefined ? '' : ` (did you mean ${nearest}?)`;
  return node.fail(`action is "${text}"${hint}; allowed is ${actions.join(', ')}`);
}

function readTarget(item: ConfigNode, node: ConfigNode | undefined, action: Action): string {
  const target = node?.text('target_label') ?? '';
  if (target === '') {
    return needsTarget.includes(action) ? item.fail(`action ${action} needs a target_label`) : '';
  }
  const isTemplate = action === 'replace' && isTargetTemplate(target);
  if (!needsTarget.includes(action) || isTemplate || isLabelName(target)) return target;
  return (node ?? item).fail(`target_label "${target}" is no name of a label`);
}

function readModulus(item: ConfigNode, node: ConfigNode | undefined, action: Action): bigint {
  const text = node?.text('modulus') ?? '0';
  const isNumber = /^\d{1,20}$/.test(text);
  if (!isNumber || BigInt(text) > 0xffff_ffff_ffff_ffffn) {
    const what = `modulus is "${text}"; allowed is a whole number from 1 to 2^64-1`;
    return (node ?? item).fail(what);
  }
  if (action === 'hashmod' && BigInt(text) === 0n) {
    return (node ?? item).fail('action hashmod needs a modulus above 0');
  }
  return BigInt(text);
}

// As in Prometheus; run in linear time, because people write the text.
const targetTemplate = compileRegex(String.raw`^(?:(?:[a-zA-Z_]|\$(?:\{\w+\}|\w+))+\w*)+$`);

/** Whether groups in the text can make the name of a label. */
function isTargetTemplate(text: string): boolean {
  return text.includes('$') && targetTemplate.test(text);
}

interface RuleParts {
  readonly valueOf: (labels: Labels) => string;
  readonly regex: GoRegex;
  readonly replacement: string;
  readonly target: string;
  readonly modulus: bigint;
}

const makers: Readonly<Record<Action, (parts: RuleParts) => Rule>> = {
  replace: replaceRule,
  keep: ({ valueOf, regex }) => {
    return (labels) => regex.test(valueOf(labels));
  },
  drop: ({ valueOf, regex }) => {
    return (labels) => !regex.test(valueOf(labels));
  },
  keepequal: ({ valueOf, target }) => {
    return (labels) => valueOf(labels) === (labels.get(target) ?? '');
  },
  dropequal: ({ valueOf, target }) => {
    return (labels) => valueOf(labels) !== (labels.get(target) ?? '');
  },
  hashmod: ({ valueOf, target, modulus }) => {
    return changing((labels) => {
      const digest = createHash('md5').update(valueOf(labels)).digest();
      setLabel(labels, target, `${digest.readBigUInt64BE(8) % modulus}`);
    });
  },
  lowercase: ({ valueOf, target }) => {
    return changing((labels) => setLabel(labels, target, valueOf(labels).toLowerCase()));
  },
  uppercase: ({ valueOf, target }) => {
    return changing((labels) => setLabel(labels, target, valueOf(labels).toUpperCase()));
  },
  labelmap: ({ regex, replacement }) => {
    return changing((labels) => {
      for (const [name, value] of [...labels]) {
        if (regex.test(name)) {
          setLabel(labels, sanitizeLabelName(regex.replaceAll(name, replacement)), value);
        }
      }
    });
  },
  labeldrop: ({ regex }) => dropNames((name) => regex.test(name)),
  labelkeep: ({ regex }) => dropNames((name) => !regex.test(name)),
};

function replaceRule({ valueOf, regex, replacement, target }: RuleParts): Rule {
  return changing((labels) => {
    const match = regex.match(valueOf(labels));
    if (match === undefined) return;
    const name = regex.expand(target, match);
    // As in Prometheus: what makes no name changes nothing.
    if (isLabelName(name)) setLabel(labels, name, regex.expand(replacement, match));
  });
}

function changing(change: (labels: Labels) => void): Rule {
  return (labels) => {
    change(labels);
    return true;
  };
}

function dropNames(isDropped: (name: string) => boolean): Rule {
  return changing((labels) => {
    for (const name of [...labels.keys()]) if (isDropped(name)) labels.delete(name);
  });
}

/** A label without a value is none. */
function setLabel(labels: Labels, name: string, value: string): void {
  if (value === '') labels.delete(name);
  else labels.set(name, value);
}
