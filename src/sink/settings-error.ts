/**
 * What a sink throws to itself when a send cannot even begin because somebody has to mend a
 * setting or a file. The message is for people and must never hold a secret.
 */

/** See the module comment; it becomes a retry with the cause `settings`. */
export class SettingsError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'SettingsError';
  }
}
