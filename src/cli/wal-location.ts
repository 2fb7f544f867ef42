/** Which WAL a command works on: the one that is named, or the local plugin's. */
import path from 'node:path';
import { errnoOf } from '../base/errors.ts';
import { nodeFileSystem as disk } from '../base/file-system.ts';
import { walFormatOf } from '../wal/index.ts';
import { CliError, exitCode } from './exit-codes.ts';

/** How the user says which WAL. */
export interface WalChoice {
  wal?: string | undefined;
  plugin?: string | undefined;
}

/** A WAL that is there and that this version can read, as far as FORMAT tells. */
export interface WalLocation {
  root: string;
  /** Name of the plugin that it was found by. */
  plugin: string | undefined;
  /** That plugin's settings; secret. Empty for a WAL that is named directly. */
  env: Record<string, string>;
  /** What that plugin sees as `/files`, on the host; undefined for a WAL that is named directly. */
  filesSource: string | undefined;
}

/** Finds the WAL. Throws a CliError when there is none or it cannot be read. */
export async function locateWal(choice: WalChoice): Promise<WalLocation> {
  if (choice.wal !== undefined) {
    if (choice.plugin !== undefined) {
      throw new CliError(exitCode.error, '--wal and --plugin name two places; give one of them');
    }
    const root = path.resolve(choice.wal);
    checkRoot(root);
    return { root, plugin: undefined, env: {}, filesSource: undefined };
  }
  // Loaded only when needed: it takes longer than most commands.
  const { findPluginWal } = await import('./find-wal.ts');
  const { root, plugin, env, filesSource } = await findPluginWal(choice.plugin);
  checkRoot(root);
  return { root, plugin, env, filesSource };
}

function checkRoot(root: string): void {
  const format = formatOf(root);
  if (format === 'none') {
    const isAbove = formatOf(`${root}/wal`) !== 'none';
    const hint = isAbove ? `; did you mean ${root}/wal?` : '';
    throw new CliError(exitCode.noWal, `there is no WAL in ${root}${hint}`);
  }
  if (format === 'newer') {
    const text = `the WAL in ${root} was written by a newer version, which alone can read it`;
    throw new CliError(exitCode.error, text);
  }
}

function formatOf(root: string): ReturnType<typeof walFormatOf> {
  try {
    return walFormatOf(disk, root);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno !== 'EACCES' && errno !== 'EPERM') throw error;
    throw new CliError(exitCode.error, `${root} cannot be read (${errno}); run this as root`);
  }
}
