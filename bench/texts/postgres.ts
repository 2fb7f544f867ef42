/** PostgreSQL's own log with slow statements, checkpoints, connections and errors. */
import type { Program } from './dice.ts';

/** See the module comment. */
export const postgres: Program = (dice) => {
  const pids = dice.pool(60, () => String(dice.int(100, 32_000)));
  const databases = ['shop', 'shop', 'shop', 'billing', 'reports'] as const;
  const tables = ['orders', 'order_items', 'customers', 'stock_levels', 'payments'] as const;
  const statement = (): string => {
    const table = dice.pick(tables);
    return dice.weighted([
      [
        `SELECT id, status, total, created_at, updated_at FROM ${table} WHERE customer_id = ${dice.int(1, 900_000)} AND status = '${dice.pick(['open', 'paid', 'sent', 'void'])}' ORDER BY created_at DESC LIMIT ${dice.pick([10, 25, 100])}`,
        35,
      ],
      [
        `UPDATE ${table} SET status = '${dice.pick(['open', 'paid', 'sent', 'void'])}', updated_at = now() WHERE id = '${dice.uuid()}'`,
        25,
      ],
      [
        `INSERT INTO ${table} (id, customer_id, total, currency, created_at) VALUES ('${dice.uuid()}', ${dice.int(1, 900_000)}, ${dice.logNormal(60, 3).toFixed(2)}, '${dice.pick(['EUR', 'USD', 'GBP'])}', now()) RETURNING id`,
        25,
      ],
      [
        `SELECT count(*) FROM ${table} t JOIN customers c ON c.id = t.customer_id WHERE c.region = '${dice.pick(['north', 'south', 'east', 'west'])}' AND t.created_at > now() - interval '${dice.int(1, 90)} days'`,
        10,
      ],
      ['COMMIT', 5],
    ]);
  };
  const event = (timeMs: number): string[] => {
    const time = `${new Date(timeMs).toISOString().replace('T', ' ').replace('Z', '')} UTC`;
    const database = dice.pick(databases);
    const head = `${time} [${pids()}] app_${database}@${database} `;
    const kind = dice.float();
    if (kind < 0.7) {
      return [
        `${head}LOG:  duration: ${dice.logNormal(40, 2.5).toFixed(3)} ms  statement: ${statement()}`,
      ];
    }
    if (kind < 0.82) {
      const where = `host=10.42.${dice.int(0, 7)}.${dice.int(2, 250)} port=${dice.int(32_768, 60_999)}`;
      return [
        `${head}LOG:  connection authorized: user=app_${database} database=${database} application_name=api`,
        `${head}LOG:  disconnection: session time: 0:${dice.int(10, 59)}:${(dice.float() * 50 + 10).toFixed(3)} user=app_${database} database=${database} ${where}`,
      ];
    }
    if (kind < 0.9) {
      return [
        `${head}ERROR:  duplicate key value violates unique constraint "${dice.pick(tables)}_pkey"`,
        `${head}DETAIL:  Key (id)=(${dice.uuid()}) already exists.`,
        `${head}STATEMENT:  ${statement()}`,
      ];
    }
    if (kind < 0.97) {
      return [
        `${head}LOG:  automatic vacuum of table "${database}.public.${dice.pick(tables)}": index scans: ${dice.int(0, 2)}, pages: 0 removed, ${dice.int(100, 90_000)} remain, tuples: ${dice.int(0, 9000)} removed, ${dice.int(9000, 9_000_000)} remain`,
      ];
    }
    return [
      `${time} [27] LOG:  checkpoint complete: wrote ${dice.int(20, 9000)} buffers (${(dice.float() * 20).toFixed(1)}%); 0 WAL file(s) added, 0 removed, ${dice.int(0, 30)} recycled; write=${(dice.float() * 270).toFixed(3)} s, sync=${dice.float().toFixed(3)} s, total=${(dice.float() * 271).toFixed(3)} s`,
    ];
  };
  return { rate: 120, event };
};
