/**
 * The commands, their options and their help. The only door to commander. It decides nothing: each
 * command is a file of its own, loaded when it is called, and ends with an exit code.
 */
import os from 'node:os';
import { Command, CommanderError, Option } from 'commander';
import { messageOf } from '../base/errors.ts';
import { version } from '../base/version.ts';
import { type ExitCode, exitCode, exitCodeOf } from './exit-codes.ts';
import { type Output, OutputClosed } from './output.ts';
import type { CatChoice } from './wal-cat.ts';
import { locateWal } from './wal-location.ts';

interface Globals {
  wal?: string;
  plugin?: string;
  json?: boolean;
}

type Run = (code: Promise<ExitCode>) => Promise<void>;

/** Runs one command line, without the names of program and script. Never rejects. */
export async function runProgram(args: readonly string[], output: Output): Promise<ExitCode> {
  let code: ExitCode = exitCode.ok;
  const run: Run = async (result) => {
    code = await result;
  };
  const said: Promise<void>[] = [];
  const program = createProgram(output, run, said);
  try {
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof OutputClosed) return exitCode.ok;
    // commander has said what is wrong; help that was asked for is no error.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.ok : exitCode.error;
    await output.tell(`holdfast: ${messageOf(error)}`);
    return exitCodeOf(error);
  } finally {
    await Promise.all(said);
  }
}

/** `said` gets what commander writes by itself, which it does not wait for. */
function createProgram(output: Output, run: Run, said: Promise<void>[]): Command {
  const program = new Command('holdfast')
    .description('Looks into the write-ahead log of the holdfast logging driver, and delivers it.')
    .version(version)
    .option('--wal <dir>', "the WAL's directory; without it, that of the local plugin")
    .option('--plugin <name>', 'the plugin, if the Docker Engine has several')
    .option('--json', 'prints one JSON object a line, for machines')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => said.push(output.write(Buffer.from(text)).catch(() => {})),
      writeErr: (text) => said.push(output.tell(text.trimEnd())),
    })
    .exitOverride()
    .addHelpText('after', examples);
  const globals = (command: Command): Globals => command.optsWithGlobals();
  const wal = program.command('wal').description('Looks into the log; reading needs no lock.');
  addList(wal, globals, output, run);
  addVerify(wal, globals, output, run);
  addCat(wal, globals, output, run);
  addDrain(program, globals, output, run);
  const rejected = program
    .command('rejected')
    .description('What endpoints refused for good, and why; the newest of it is kept.');
  addRejected(rejected, globals, output, run);
  addRetry(rejected, globals, output, run);
  return program;
}

type GlobalsOf = (command: Command) => Globals;

function addList(wal: Command, globals: GlobalsOf, output: Output, run: Run): void {
  wal
    .command('ls')
    .description('Lists containers: what is held, and what each endpoint has not got yet.')
    .action(async (_options: object, command: Command) => {
      const { json = false, ...where } = globals(command);
      const { listWal } = await import('./wal-ls.ts');
      await run(listWal(await locateWal(where), output, { json }));
    });
}

function addVerify(wal: Command, globals: GlobalsOf, output: Output, run: Run): void {
  wal
    .command('verify')
    .description('Reads everything and reports damage. Exit code 1: there is some.')
    .argument('[container...]', 'names or beginnings of ids; without any, all')
    .option('--repair', 'copies what is damaged to quarantine/, moves away what is no segment')
    .action(async (containers: string[], options: { repair?: boolean }, command: Command) => {
      const { json = false, ...where } = globals(command);
      const { verifyWal } = await import('./wal-verify.ts');
      const choice = { repair: options.repair ?? false, json, containers };
      await run(verifyWal(await locateWal(where), output, choice));
    });
}

type CatOptions = Omit<CatChoice, 'container' | 'timestamps' | 'json'> & { timestamps?: boolean };

function addCat(wal: Command, globals: GlobalsOf, output: Output, run: Run): void {
  const times = 'RFC 3339, Unix seconds, or a duration such as 10m before now';
  wal
    .command('cat')
    .description('Prints the lines of a container; what is missing is told on standard error.')
    .argument('<container>', 'its name, or the beginning of its id')
    .option('--since <time>', `lines from then on: ${times}`)
    .option('--until <time>', 'lines up to then, likewise')
    .option('-n, --tail <lines>', 'the last lines only')
    .addOption(new Option('--source <name>', 'one of the two').choices(['stdout', 'stderr']))
    .option('-t, --timestamps', 'begins each line with its time')
    .action(async (container: string, options: CatOptions, command: Command) => {
      const { json = false, ...where } = globals(command);
      const { since, until, tail, source, timestamps = false } = options;
      const { catWal } = await import('./wal-cat.ts');
      const choice = { container, since, until, tail, source, timestamps, json };
      await run(catWal(await locateWal(where), output, choice));
    });
}

interface DrainOptions {
  opt: string[];
  env: string[];
  endpoint?: string;
  files?: string;
  host: string;
  timeout?: string;
}

function addDrain(program: Command, globals: GlobalsOf, output: Output, run: Run): void {
  program
    .command('drain')
    .description('Delivers what a WAL holds while no plugin does. Removes nothing.')
    .option('--opt <name=value>', 'a log-opt for containers that do not set it', collect, [])
    .option(
      '--env <NAME=value>',
      "a plugin setting, likewise; NAME alone takes this shell's",
      collect,
      [],
    )
    .option('--endpoint <url>', 'ships everything there, whatever loki-url the containers have')
    .option('--files <dir>', filesText)
    .option('--host <name>', 'the label host', os.hostname())
    .option('--timeout <duration>', 'ends after this time with exit code 5')
    .action(async (options: DrainOptions, command: Command) => {
      const { json = false, ...where } = globals(command);
      const { drainWal } = await import('./drain.ts');
      await run(drainWal(await locateWal(where), output, { ...options, json }));
    });
}

interface Chosen {
  endpoint?: string;
  reason?: string;
}

function addRejected(rejected: Command, globals: GlobalsOf, output: Output, run: Run): void {
  rejected
    .command('ls')
    .description('How much was refused, by endpoint and reason.')
    .action(async (_options: object, command: Command) => {
      const { json = false, ...where } = globals(command);
      const { listRejected } = await import('./rejected-show.ts');
      await run(listRejected(await locateWal(where), output, { json }));
    });
  rejected
    .command('show')
    .description('Prints refused entries and what the endpoint said of them, oldest first.')
    .option('--endpoint <name>', endpointText)
    .option('--reason <reason>', reasonText)
    .option('-n, --tail <entries>', 'the last entries only')
    .action(async (options: Chosen & { tail?: string }, command: Command) => {
      const { json = false, ...where } = globals(command);
      const { showRejected } = await import('./rejected-show.ts');
      await run(showRejected(await locateWal(where), output, { ...options, json }));
    });
}

interface RetryOptions extends Chosen {
  opt: string[];
  env: string[];
  files?: string;
  dryRun?: boolean;
}

function addRetry(rejected: Command, globals: GlobalsOf, output: Output, run: Run): void {
  rejected
    .command('retry')
    .description('Sends refused entries again; what is delivered leaves the store.')
    .option('--endpoint <name>', endpointText)
    .option('--reason <reason>', reasonText)
    .option('--dry-run', 'only says what would be sent where')
    .option('--opt <name=value>', 'a log-opt, as drain has it', collect, [])
    .option('--env <NAME=value>', 'a plugin setting, as drain has it', collect, [])
    .option('--files <dir>', filesText)
    .action(async (options: RetryOptions, command: Command) => {
      const { json = false, ...where } = globals(command);
      const { dryRun = false, ...rest } = options;
      const { retryRejected } = await import('./rejected-retry.ts');
      await run(retryRejected(await locateWal(where), output, { ...rest, dryRun, json }));
    });
}

const filesText = "what stands for the plugin's /files; without it, its setting files.source";
const endpointText = "those of one endpoint, as 'rejected ls' calls it";
const reasonText = "those refused for one reason, as 'rejected ls' calls it";

function collect(value: string, before: string[]): string[] {
  return [...before, value];
}

const examples = `
Examples:
  holdfast wal ls                                   what the local plugin's WAL holds
  holdfast wal cat web --since 10m --timestamps     lines of the last ten minutes
  holdfast wal cat web --tail 100 --source stderr   the last 100 lines of standard error
  holdfast wal verify                               reads everything, reports damage
  holdfast drain --opt loki-url=http://HOST:3100    delivers what is left, plugin disabled
  holdfast rejected ls                              what endpoints refused for good, and why
  holdfast rejected retry --endpoint eu             sends it again, plugin disabled
  holdfast --wal DIR --json wal ls                  another directory, for machines

Exit codes: 0 fine, 1 damage or undelivered entries, 2 usage or other error, 3 the WAL is in
use, 4 no WAL found, 5 time is up, 130 interrupted.`;
