/**
 * Asks Loki what it has of one run of the demo, by the query API that its users have: counts
 * while the demo waits, and every single line at the end. The double answers the same.
 */

/** What a query shows of lines that are numbered 1 to N. */
export interface NumberedLines {
  delivered: number;
  lost: number;
  doubled: number;
  /** The first lost numbers, as `3` or `5-9`, and `…` when there are more. */
  lostExamples: string[];
}

interface Stream {
  metric?: Record<string, string>;
  value?: [number, string];
  values?: [string, string][];
}

/** Loki's own default of `max_entries_limit_per_query`. */
const pageLines = 5000;
const requestMsMax = 20_000;
const examplesMax = 5;
const pushPath = '/loki/api/v1/push';

/** See the module comment. */
export class LokiQuery {
  readonly #base: string;
  readonly #headers: Record<string, string> = {};
  readonly #run: string;
  readonly #startNs = BigInt(Date.now() - 60_000) * 1_000_000n;

  /** `url` is one that the driver takes as loki-url; `run` the value of the label demo_run. */
  constructor(url: URL, run: string, tenantId: string | undefined) {
    const path = url.pathname.endsWith(pushPath) ? url.pathname.slice(0, -pushPath.length) : '';
    this.#base = `${url.origin}${path}/loki/api/v1`;
    this.#run = run;
    if (tenantId) this.#headers['x-scope-orgid'] = tenantId;
    if (url.username === '') return;
    const user = decodeURIComponent(url.username);
    const token = Buffer.from(`${user}:${decodeURIComponent(url.password)}`).toString('base64');
    this.#headers['authorization'] = `Basic ${token}`;
  }

  /** Where a person can ask, and what. */
  get example(): { queryUrl: string; query: string } {
    return { queryUrl: `${this.#base}/query_range`, query: `{demo_run="${this.#run}"}` };
  }

  /** How many lines are there of each container. */
  async counts(): Promise<Map<string, number>> {
    const query = `sum by (container_name) (count_over_time({demo_run="${this.#run}"}[1h]))`;
    const streams = await this.#get('query', { query });
    return new Map(
      streams.map(({ metric, value }) => [metric?.['container_name'] ?? '', Number(value?.[1])]),
    );
  }

  /** Reads all lines of a container and looks at their numbers, which must be 1 to `count`. */
  async check(containerName: string, count: number): Promise<NumberedLines> {
    const seen = new Uint32Array(count + 1);
    let delivered = 0;
    for await (const line of this.#lines(containerName)) {
      delivered += 1;
      const number = Number(/^line (\d+) /.exec(line)?.[1] ?? 0);
      const at = number <= count ? number : 0;
      seen[at] = (seen[at] ?? 0) + 1;
    }
    if ((seen[0] ?? 0) > 0) {
      throw new Error(`Loki shows ${seen[0]} lines of ${containerName} that it never printed`);
    }
    const lost = lostOf(seen);
    const doubled = seen.reduce((sum, times) => sum + Math.max(0, times - 1), 0);
    return { delivered, doubled, ...lost };
  }

  /** All lines in order of time, page by page. */
  async *#lines(containerName: string): AsyncGenerator<string> {
    const query = `{demo_run="${this.#run}", container_name="${containerName}"}`;
    const end = String(BigInt(Date.now() + 3_600_000) * 1_000_000n);
    let startNs = this.#startNs;
    for (;;) {
      const options = { limit: String(pageLines), direction: 'forward' };
      const range = { query, start: String(startNs), end, ...options };
      const streams = await this.#get('query_range', range);
      const page = streams.flatMap(({ values }) => values ?? []);
      const lastNs = page.reduce((last, [at]) => (BigInt(at) > last ? BigInt(at) : last), 0n);
      // A full page may end between two lines of the same time: these are for the next one.
      const isLast = page.length < pageLines;
      const isOneTime = page.every(([at]) => BigInt(at) === lastNs);
      const hasRoom = isLast || isOneTime;
      for (const [at, line] of page) if (hasRoom || BigInt(at) < lastNs) yield line;
      if (isLast) return;
      startNs = isOneTime ? lastNs + 1n : lastNs;
    }
  }

  async #get(route: string, params: Record<string, string>): Promise<Stream[]> {
    const asked = new URLSearchParams(params).toString();
    const response = await fetch(`${this.#base}/${route}?${asked}`, {
      headers: this.#headers,
      signal: AbortSignal.timeout(requestMsMax),
    });
    const text = await response.text();
    if (!response.ok) {
      throw new Error(`Loki answers a query with ${response.status}: ${text.slice(0, 300)}`);
    }
    return (JSON.parse(text) as { data: { result: Stream[] } }).data.result;
  }
}

/** Numbers from 1 on that were not seen. */
function lostOf(seen: Uint32Array): { lost: number; lostExamples: string[] } {
  const lostExamples: string[] = [];
  let lost = 0;
  for (let number = 1; number < seen.length; number += 1) {
    if (seen[number] !== 0) continue;
    const first = number;
    while (seen[number + 1] === 0) number += 1;
    lost += number - first + 1;
    if (lostExamples.length < examplesMax) {
      lostExamples.push(first === number ? `${first}` : `${first}-${number}`);
    } else if (lostExamples.length === examplesMax) {
      lostExamples.push('…');
    }
  }
  return { lost, lostExamples };
}
