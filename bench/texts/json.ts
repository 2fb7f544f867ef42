/** A service that logs JSON with pino: one object a request, with ids, durations and nesting. */
import type { Dice, Program } from './dice.ts';

function route(dice: Dice, user: string): [method: string, route: string, url: string] {
  const id = dice.uuid();
  return dice.weighted([
    [['GET', '/v1/orders/:id', `/v1/orders/${id}`], 40],
    [['POST', '/v1/orders', '/v1/orders'], 15],
    [['PATCH', '/v1/orders/:id/status', `/v1/orders/${id}/status`], 12],
    [
      ['GET', '/v1/users/:id/orders', `/v1/users/${user}/orders?limit=${dice.pick([10, 20, 50])}`],
      25,
    ],
    [['GET', '/v1/stock/:sku', `/v1/stock/SKU-${dice.int(10_000, 99_999)}`], 8],
  ]);
}

/** See the module comment. */
export const json: Program = (dice) => {
  const users = dice.pool(20_000, () => dice.uuid());
  const hostname = `orders-7c9f8d6b5-${dice.hex(5)}`;
  const pods = dice.pool(24, () => `10.42.${dice.int(0, 7)}.${dice.int(2, 250)}`);
  const request = (time: number): object => {
    const [method, name, url] = route(dice, users());
    const statusCode = dice.weighted([
      [200, 80],
      [201, 12],
      [404, 5],
      [409, 2],
      [500, 1],
    ]);
    const durationMs = Math.round(dice.logNormal(12, 2.4) * 1000) / 1000;
    return {
      level: statusCode >= 500 ? 50 : 30,
      ...{ time, pid: 1, hostname, reqId: dice.uuid(), traceId: dice.hex(32) },
      req: {
        method,
        url,
        route: name,
        remoteAddress: pods(),
        remotePort: dice.int(32_768, 60_999),
      },
      res: { statusCode, contentLength: Math.floor(dice.logNormal(900, 3)) },
      user: {
        id: users(),
        tier: dice.weighted([
          ['free', 70],
          ['plus', 25],
          ['business', 5],
        ]),
      },
      db: { queries: dice.int(1, 6), ms: Math.round(durationMs * dice.float() * 1000) / 1000 },
      ...{ durationMs, msg: 'request completed' },
    };
  };
  const job = (time: number): object => ({
    ...{ level: 30, time, pid: 1, hostname, job: dice.pick(['invoice', 'mail', 'export', 'sync']) },
    ...{
      jobId: dice.int(4_000_000, 9_999_999),
      attempt: dice.weighted([
        [1, 95],
        [2, 5],
      ]),
    },
    ...{ waitedMs: Math.round(dice.exponential(180)), msg: 'job taken' },
  });
  const cache = (time: number): object => ({
    ...{ level: 20, time, pid: 1, hostname, key: `order:${dice.uuid()}`, hit: dice.chance(0.8) },
    ...{ ttl: dice.int(1, 300), msg: 'cache lookup' },
  });
  const event = (timeMs: number): string[] => {
    const time = Math.floor(timeMs);
    const make = dice.weighted([
      [request, 55],
      [cache, 35],
      [job, 10],
    ]);
    return [JSON.stringify(make(time))];
  };
  return { rate: 300, event };
};
