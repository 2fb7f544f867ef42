/**
 * `pack`: puts the line and some values into an object of JSON, and takes those values out of the
 * labels: Loki's `unpack` brings all back.
 *
 *   pack:
 *     labels: [container, pod]    default: none; names of labels and other values
 *     ingest_timestamp: true      default: true; ships the line with the time at which dockerd read
 *                                 it, instead of the one that a stage has found. promtail takes the
 *                                 time now; here a line that is sent again has to be the same
 */
import type { ConfigNode } from '../config-node.ts';
import type { Entry } from '../entry.ts';
import { goJson } from '../go-json.ts';
import type { Stage, StageContext } from '../stage.ts';

/** See the module comment. */
export function compilePack(config: ConfigNode, { warn }: StageContext): Stage {
  const fields = config.fields('pack', ['labels', 'ingest_timestamp'], warn);
  const names = fields.labels === undefined ? [] : readNames(fields.labels);
  const isIngestTime = fields.ingest_timestamp?.flag('ingest_timestamp') ?? true;
  const keys = names.map((name) => [name, `${goJson(name)}:`] as const);
  return {
    process(entry: Entry): boolean {
      let packed = '{';
      for (const [name, key] of keys) {
        const value = entry.extracted.text(name);
        if (value === undefined) continue;
        packed += `${key}${goJson(value)},`;
        entry.labels = entry.labels.without(name);
      }
      entry.text = `${packed}"_entry":${goJson(entry.text)}}`;
      if (isIngestTime) {
        entry.seconds = entry.capturedSeconds;
        entry.nanos = entry.capturedNanos;
      }
      return true;
    },
  };
}

/** Each name once, in the order of their bytes, in which Go sorts them. One alone needs no list. */
function readNames(node: ConfigNode): string[] {
  const items = node.isList ? node.items('labels') : [node];
  const names = new Set(items.map((item) => item.text('a name of labels')));
  return [...names].sort((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
}
