/** The containers of the demo: each prints numbered lines and says when it has printed them all. */
import { type DemoEngine, demoImage, demoLabel, pluginName } from './engines.ts';

/** Printed at once, with a pause after each burst. */
const burstLines = 20;
const burstPauseMs = 18;

/** One container; what is known of it stays when it is removed. */
export class DemoContainer {
  readonly name: string;
  readonly lines: number;
  readonly startedMs: number;
  readonly id: string;
  isRemoved = false;
  readonly #engine: DemoEngine;
  #isDone = false;

  private constructor(
    engine: DemoEngine,
    name: string,
    lines: number,
    id: string,
    started: number,
  ) {
    this.#engine = engine;
    this.name = name;
    this.lines = lines;
    this.id = id;
    this.startedMs = started;
  }

  /** Starts a container that prints `lines` lines and stays. */
  static async start(
    engine: DemoEngine,
    name: string,
    lines: number,
    run: string,
  ): Promise<DemoContainer> {
    const startedMs = performance.now();
    const options = ['--network', 'none', '--name', name, '--label', `${demoLabel}=${run}`];
    const program = ['sh', '-c', programOf(name, lines)];
    const start = ['run', '-d', '--log-driver', pluginName, ...options, demoImage, ...program];
    const id = await engine.docker(...start);
    return new DemoContainer(engine, name, lines, id, startedMs);
  }

  /** Whether it has printed its last line. */
  async hasPrinted(): Promise<boolean> {
    if (this.#isDone) return true;
    const found = await this.#engine.docker('exec', this.name, 'sh', '-c', 'echo /printed*');
    this.#isDone = found === '/printed';
    return this.#isDone;
  }

  /** Removes it while it runs, as `docker rm -f` does. */
  async remove(): Promise<void> {
    await this.#engine.docker('rm', '-f', this.name);
    this.isRemoved = true;
  }
}

/** The text of its lines is what `LokiQuery.check` takes apart. */
function programOf(name: string, lines: number): string {
  const print = `print "line " i " of ${lines}, printed by ${name} while much goes wrong around it"`;
  const pause = `if (i % ${burstLines} == 0) { fflush(); system("usleep ${burstPauseMs * 1000}") }`;
  const program = `BEGIN { for (i = 1; i <= ${lines}; i++) { ${print}; ${pause} } }`;
  return `awk '${program}'; : > /printed; while :; do sleep 3600; done`;
}
