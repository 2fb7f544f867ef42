/** How a command ends: the codes that scripts may branch on, and the error that carries one. */
import { DriverError } from '../base/errors.ts';

/** See docs/command-line.md. */
export const exitCode = {
  ok: 0,
  /** Damage was found, or something is not delivered and will not be by trying again. */
  found: 1,
  /** Wrong usage, or any other failure. */
  error: 2,
  /** A running plugin, or another `holdfast`, has the lock of the WAL. */
  locked: 3,
  /** There is no WAL where one was looked for. */
  noWal: 4,
  /** The time was up before all was delivered. */
  timeout: 5,
  /** Stopped by a signal. */
  interrupted: 130,
} as const;

/** One of those codes. */
export type ExitCode = (typeof exitCode)[keyof typeof exitCode];

/** A failure that is told in one message, without a stack, and ends the command with a code. */
export class CliError extends Error {
  readonly exitCode: ExitCode;

  constructor(code: ExitCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'CliError';
    this.exitCode = code;
  }
}

/** The code for anything that was thrown. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof CliError) return error.exitCode;
  if (error instanceof DriverError && error.code === 'wal_locked') return exitCode.locked;
  return exitCode.error;
}
