/** Runs other programs: no shell in between, what they said in the error, never a silent failure. */
import { spawn } from 'node:child_process';

/** How to run a program. */
export interface RunOptions {
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** Written to its standard input. */
  input?: string;
  /** Shows what it prints as it prints it. */
  isShown?: boolean;
  timeoutMs?: number;
}

/** What a program printed on standard output; throws when it failed, with all that it printed. */
export async function run(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const result = await tryRun(command, args, options);
  if (result.status === 0) return result.stdout;
  const said = `${result.stdout}\n${result.stderr}`.trim().slice(-4000);
  throw new Error(`${command} ${args.join(' ')} failed (${result.status}):\n${said}`);
}

/** The outcome of a program, whatever it is. */
export interface RunResult {
  status: number | NodeJS.Signals;
  stdout: string;
  stderr: string;
}

/** Runs a program to its end. Rejects only when it cannot be started. */
export async function tryRun(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      env: options.env ?? process.env,
      cwd: options.cwd,
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: options.timeoutMs,
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
      if (options.isShown === true) process.stdout.write(chunk);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
      if (options.isShown === true) process.stderr.write(chunk);
    });
    child.on('error', reject);
    child.stdin.on('error', () => {});
    child.on('close', (code, signal) =>
      resolve({ status: code ?? signal ?? 'SIGKILL', stdout, stderr }),
    );
    child.stdin.end(options.input ?? '');
  });
}
