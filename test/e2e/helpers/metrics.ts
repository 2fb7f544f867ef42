/** The metrics page of the plugin, read as a scraper reads it. */

/** Where the plugin serves it unless told otherwise: in the network of the host. */
const metricsUrl = 'http://127.0.0.1:9417/metrics';

/** Values by name and labels, as they stand on the page. */
export type Samples = Map<string, number>;

/** All that is on the page now. */
export async function scrape(): Promise<Samples> {
  const response = await fetch(metricsUrl);
  const samples: Samples = new Map();
  for (const line of (await response.text()).split('\n')) {
    const at = line.lastIndexOf(' ');
    if (at > 0 && !line.startsWith('#')) samples.set(line.slice(0, at), Number(line.slice(at + 1)));
  }
  return samples;
}

/** The sum of the samples of a metric of endpoints with this endpoint. */
export function sumOf(samples: Samples, metric: string, endpoint: string): number {
  let sum = 0;
  for (const [name, value] of samples) {
    const isIt = name.startsWith(`holdfast_${metric}{`) && name.includes(`endpoint="${endpoint}"`);
    if (isIt) sum += value;
  }
  return sum;
}
