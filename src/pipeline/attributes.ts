/**
 * Which labels and variables of a container the log-opts `labels`, `labels-regex`, `env` and
 * `env-regex` select, exactly as Docker's own logging drivers do it: names between commas, to the
 * letter, and patterns that match anywhere in a name. Nothing else of the environment may be kept.
 */
import { compileRegex } from '../regex/go-regex.ts';

/** What selects; patterns are known to compile. */
export interface Selection {
  /** Names between commas, as they were given. */
  readonly names?: string | undefined;
  readonly pattern?: string | undefined;
}

/** The four options of one container. */
export interface AttributeOptions {
  readonly labels: Selection;
  readonly env: Selection;
}

/** One attribute, and where it is from. */
export interface Attribute {
  readonly kind: 'label' | 'env';
  readonly name: string;
  readonly value: string;
}

/** Most bytes of picked variables that are kept of one container. */
const pickedBytesMax = 64 * 1024;

/** What is kept of an environment. */
export interface PickedEnv {
  /** `NAME=value`, each name once. */
  readonly env: string[];
  /** Names of variables that were selected and are too large to be kept. */
  readonly left: string[];
}

/** The selected variables. Of a name that stands there twice the last one counts. */
export function pickEnv(environment: readonly string[], selection: Selection): PickedEnv {
  const env: string[] = [];
  const left: string[] = [];
  let bytes = 0;
  for (const [name, value] of selectedOf(variablesOf(environment), selection)) {
    const variable = `${name}=${value}`;
    bytes += Buffer.byteLength(variable);
    if (bytes <= pickedBytesMax) env.push(variable);
    else left.push(name);
  }
  return { env, left };
}

/** The attributes of a container: those from labels first, then those from variables. */
export function attributesOf(
  labels: Readonly<Record<string, string>>,
  environment: readonly string[],
  options: AttributeOptions,
): Attribute[] {
  const ofLabels = selectedOf(new Map(Object.entries(labels)), options.labels);
  const ofEnv = selectedOf(variablesOf(environment), options.env);
  return [
    ...ofLabels.map(([name, value]) => ({ kind: 'label' as const, name, value })),
    ...ofEnv.map(([name, value]) => ({ kind: 'env' as const, name, value })),
  ];
}

function variablesOf(environment: readonly string[]): Map<string, string> {
  const variables = new Map<string, string>();
  for (const variable of environment) {
    const at = variable.indexOf('=');
    if (at >= 0) variables.set(variable.slice(0, at), variable.slice(at + 1));
  }
  return variables;
}

/** Sorted by name, so that equal containers have equal labels. */
function selectedOf(
  all: ReadonlyMap<string, string>,
  { names = '', pattern = '' }: Selection,
): [string, string][] {
  const wanted = new Set(names === '' ? [] : names.split(','));
  const regex = pattern === '' ? undefined : compileRegex(pattern);
  return [...all]
    .filter(([name]) => wanted.has(name) || regex?.test(name) === true)
    .sort(([a], [b]) => (a < b ? -1 : 1));
}
