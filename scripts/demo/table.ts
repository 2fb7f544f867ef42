/** The table at the end of the demo: boxed for a terminal, plain columns for anything else. */
import { plain, type ResultRow } from './messages.ts';

const heads = ['container', 'printed', 'in the WAL', 'delivered', 'lost', 'doubled', 'seconds'];

/** The rows and their sum as text; the sum's seconds are those of the slowest. */
export function formatTable(rows: readonly ResultRow[], isBoxed: boolean): string {
  const body = [...rows, totalOf(rows)].map((row) => [
    row.name,
    ...[row.printed, row.inWal, row.delivered, row.lost, row.doubled].map(plain),
    row.seconds.toFixed(1),
  ]);
  const widths = heads.map((head, at) =>
    Math.max(head.length, ...body.map((cells) => (cells[at] ?? '').length)),
  );
  const pad = (cells: readonly string[]): string[] =>
    cells.map((cell, at) => {
      const width = widths[at] ?? 0;
      return at === 0 ? cell.padEnd(width) : cell.padStart(width);
    });
  const lines = [heads, ...body].map(pad);
  return isBoxed ? boxed(lines, widths) : lines.map((cells) => cells.join('  ')).join('\n');
}

/** All rows as one. */
export function totalOf(rows: readonly ResultRow[]): ResultRow {
  const sum = (pick: (row: ResultRow) => number): number =>
    rows.reduce((total, row) => total + pick(row), 0);
  return {
    name: 'all',
    printed: sum((row) => row.printed),
    inWal: sum((row) => row.inWal),
    delivered: sum((row) => row.delivered),
    lost: sum((row) => row.lost),
    doubled: sum((row) => row.doubled),
    seconds: Math.max(0, ...rows.map((row) => row.seconds)),
  };
}

function boxed(lines: readonly string[][], widths: readonly number[]): string {
  const rule = (left: string, middle: string, right: string): string =>
    left + widths.map((width) => '─'.repeat(width + 2)).join(middle) + right;
  const texts = lines.map((cells) => `│ ${cells.join(' │ ')} │`);
  const [head = '', ...body] = texts;
  const total = body.pop() ?? '';
  return [
    rule('┌', '┬', '┐'),
    head,
    rule('├', '┼', '┤'),
    ...body,
    rule('├', '┼', '┤'),
    total,
    rule('└', '┴', '┘'),
  ].join('\n');
}
