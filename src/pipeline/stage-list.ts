/**
 * The texts in which stages are given: a list, or a file with a list under `pipeline_stages`, as
 * promtail and Grafana's driver have it. Checks them, and gives the list alone back as text, which
 * crosses to a thread. It must never change what stands there.
 */
import { compileStages } from './compile-stages.ts';
import { ConfigError, readYaml } from './config-node.ts';
import { PipelineCounts } from './pipeline-counts.ts';

const key = 'pipeline_stages';

/** Stages that are known to compile. */
export interface CheckedStages {
  /** YAML of the list; lines are where they were. */
  readonly list: string;
  readonly warnings: readonly string[];
}

/** Checks the YAML of a list of stages. Throws ConfigError. */
export function checkStages(text: string): CheckedStages {
  const warnings: string[] = [];
  compileStages(readYaml(text), { counts: new PipelineCounts(), warnings, names: new Map() });
  return { list: text, warnings };
}

/** Checks what a file has: the list, or a map with it and nothing else. Throws ConfigError. */
export function checkStageFile(text: string): CheckedStages {
  const node = readYaml(text);
  if (!node.isMap) return checkStages(text);
  const entries = node.entries('the file');
  const other = entries.find(([name]) => name !== key);
  if (other !== undefined) {
    other[1].fail(`the file has ${JSON.stringify(other[0])}; allowed is ${key} alone, or a list`);
  }
  const list = entries[0]?.[1];
  if (list === undefined) throw new ConfigError(`line 1: the file has no ${key}`);
  return checkStages(list.excerpt);
}
