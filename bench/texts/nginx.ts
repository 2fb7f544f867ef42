/** An nginx access log in the combined format: a shop behind a reverse proxy. */
import { type Dice, type Program, padded } from './dice.ts';

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** 10/Oct/2026:13:55:36 +0000 */
function commonTime(timeMs: number): string {
  const at = new Date(timeMs);
  const day = `${padded(at.getUTCDate(), 2)}/${months[at.getUTCMonth()]}/${at.getUTCFullYear()}`;
  return `${day}:${at.toISOString().slice(11, 19)} +0000`;
}

/** Browsers as they come: few engines, many builds. */
function browser(dice: Dice): string {
  const system = dice.weighted([
    ['Windows NT 10.0; Win64; x64', 50],
    ['Macintosh; Intel Mac OS X 10_15_7', 20],
    ['X11; Linux x86_64', 5],
    [
      `Linux; Android ${dice.int(9, 15)}; ${dice.pick(['SM-G99', 'SM-A52', 'Pixel ', 'M210'])}${dice.int(1, 9)}B`,
      25,
    ],
  ]);
  const chrome = `${dice.int(108, 131)}.0.${dice.int(0, 6900)}.${dice.int(0, 210)}`;
  return dice.weighted([
    [
      `Mozilla/5.0 (${system}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${chrome} Safari/537.36`,
      55,
    ],
    [
      `Mozilla/5.0 (${system}; rv:${dice.int(102, 133)}.0) Gecko/20100101 Firefox/${dice.int(102, 133)}.0`,
      12,
    ],
    [
      `Mozilla/5.0 (iPhone; CPU iPhone OS ${dice.int(14, 18)}_${dice.int(0, 7)} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/${dice.int(14, 18)}.${dice.int(0, 6)} Mobile/15E148 Safari/604.1`,
      20,
    ],
    [
      `Mozilla/5.0 (compatible; ${dice.pick(['Googlebot/2.1; +http://www.google.com/bot.html', 'bingbot/2.0; +http://www.bing.com/bingbot.htm', 'AhrefsBot/7.0; +http://ahrefs.com/robot/'])})`,
      8,
    ],
    [
      `${dice.pick(['curl/8.', 'python-requests/2.', 'Go-http-client/1.'])}${dice.int(1, 31)}.${dice.int(0, 3)}`,
      5,
    ],
  ]);
}

function asset(dice: Dice): string {
  const kind = dice.pick(['js', 'css', 'woff2', 'webp', 'png', 'svg']);
  const name = dice.pick(['app', 'vendor', 'runtime', 'product', 'checkout', 'hero', 'logo']);
  return `/assets/${name}-${dice.hex(8)}.${kind}`;
}

/** See the module comment. */
export const nginx: Program = (dice) => {
  const words = dice.pool(
    600,
    () =>
      dice.pick([
        'blue',
        'oak',
        'steel',
        'desk',
        'lamp',
        'chair',
        'shelf',
        'linen',
        'glass',
        'round',
      ]) + dice.hex(2),
  );
  const pages = dice.pool(
    4000,
    () =>
      `/${dice.pick(['product', 'category', 'blog'])}/${words()}-${words()}-${dice.int(100, 99_999)}`,
  );
  const assets = dice.pool(150, () => asset(dice));
  // A visitor asks for several things in a row: address and browser come again after a while.
  const visitor = (): { ip: string; agent: string; left: number } => ({
    ip: dice.ip(),
    agent: agents(),
    left: Math.ceil(dice.exponential(9)),
  });
  const agents = dice.pool(900, () => browser(dice));
  const visitors = Array.from({ length: 250 }, visitor);
  const request = (): string =>
    dice.weighted([
      [`GET ${pages()}`, 30],
      [`GET ${assets()}`, 40],
      [
        `GET /api/v2/products?page=${dice.int(1, 60)}&sort=${dice.pick(['price', 'name', 'new'])}`,
        10,
      ],
      [`GET /search?q=${words()}+${words()}`, 7],
      [`POST /api/v2/cart/${dice.uuid()}/items`, 6],
      [`GET /api/v2/orders/${dice.int(1_000_000, 9_999_999)}`, 5],
      ['GET /healthz', 2],
    ]);
  const event = (timeMs: number): string[] => {
    const at = dice.int(0, visitors.length - 1);
    const current = visitors[at] ?? visitor();
    current.left -= 1;
    if (current.left <= 0) visitors[at] = visitor();
    const status = dice.weighted([
      [200, 84],
      [304, 7],
      [404, 4],
      [302, 3],
      [499, 1],
      [500, 1],
    ]);
    const bytes = status === 304 ? 0 : Math.floor(dice.logNormal(6000, 4));
    const referer = dice.weighted([
      ['-', 30],
      [`https://shop.example.com${pages()}`, 60],
      ['https://www.google.com/', 10],
    ]);
    return [
      `${current.ip} - - [${commonTime(timeMs)}] "${request()} HTTP/${dice.chance(0.8) ? '2.0' : '1.1'}" ${status} ${bytes} "${referer}" "${current.agent}"`,
    ];
  };
  return { rate: 400, event };
};
