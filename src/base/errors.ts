/**
 * The one error class of the program and its closed list of codes.
 * A message names what failed, the value that was seen and what is allowed;
 * it must never carry a secret, because it ends in logs and in dockerd's answers.
 */

/** Every way in which a part of the program can refuse or fail. */
export const errorCodes = [
  'invalid_option',
  'invalid_request',
  'fifo_unavailable',
  /** A file that an option names cannot be read now, or is wrong; it may be mended later. */
  'file_unreadable',
  'wal_corrupt',
  'wal_io',
  'wal_locked',
  'wal_version',
] as const;

/** One code of the closed list. */
export type ErrorCode = (typeof errorCodes)[number];

/** An error with a code that callers may branch on. The cause is kept for the log. */
export class DriverError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'DriverError';
    this.code = code;
  }
}

/** The text of anything that was thrown, whatever it is. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The errno name (`ENOENT`, `ECONNRESET`, …) of a thrown value, or undefined. */
export function errnoOf(error: unknown): string | undefined {
  if (typeof error === 'object' && error !== null && 'code' in error) {
    return typeof error.code === 'string' ? error.code : undefined;
  }
  return undefined;
}
