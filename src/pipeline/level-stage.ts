/**
 * The stage behind `loki-level`: finds the level of each line and makes it a label, or structured
 * metadata. A line that says nothing of its level gets neither.
 */
import type { Entry } from './entry.ts';
import { detectLevel } from './level.ts';
import type { Stage } from './stage.ts';

/** The name of the label, or of the metadata. */
const levelName = 'level';

/** See the module comment. */
export function createLevelStage(where: 'label' | 'metadata'): Stage {
  return {
    process(entry: Entry): boolean {
      entry.takeLine((bytes, start, end) => {
        const level = detectLevel(bytes, start, end);
        if (level === 'unknown') return;
        if (where === 'label') {
          entry.labels = entry.labels.with(levelName, level);
          return;
        }
        entry.metadata ??= new Map();
        entry.metadata.set(levelName, level);
      });
      return true;
    },
  };
}
