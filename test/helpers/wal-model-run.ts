/** Runs histories of the modelled log: two containers on one disk, and what happens to all of it. */
import { ProcessDied } from './disk-faults.ts';
import type { DiskCall, Fault } from './faulty-disk.ts';
import { MemoryDisk } from './memory-disk.ts';
import { lossOf } from './memory-file.ts';
import { WalModel } from './wal-model.ts';
import type { LogCommand, WalModelOptions } from './wal-model-types.ts';

/** What happens to the disk and the process. */
export type DiskCommand =
  | { do: 'kill' }
  | { do: 'power'; seed: number; percent: number }
  | { do: 'die'; after: number; how: 'before' | 'half' | 'after' }
  | { do: 'fault'; call: DiskCall; fault: Fault; after: number; times: number }
  | { do: 'full'; freeBytes: number }
  | { do: 'readonly' | 'heal' };

/** One step of a history. */
export type Command = (LogCommand | DiskCommand) & { container: number };

const diskWords = new Set(['kill', 'power', 'die', 'fault', 'full', 'readonly', 'heal']);

function isOfDisk(command: LogCommand | DiskCommand): command is DiskCommand {
  return diskWords.has(command.do);
}

/** Two containers on one disk, with what happens to all of it. */
class Run {
  readonly #disk = new MemoryDisk({ blockBytes: 512 });
  readonly #models: WalModel[];

  constructor(options: Omit<WalModelOptions, 'endpoints'>) {
    this.#models = [
      new WalModel(this.#disk, 'ab'.repeat(32), { ...options, endpoints: 3 }),
      new WalModel(this.#disk, 'ac'.repeat(32), { ...options, endpoints: 1 }),
    ];
  }

  apply(command: Command): void {
    if (isOfDisk(command)) this.#onDisk(command);
    else this.#onModel(command);
  }

  #onDisk(command: DiskCommand): void {
    const { faults } = this.#disk;
    switch (command.do) {
      case 'kill':
        return this.#revive((model) => model.reviveAfterKill());
      case 'power':
        this.#disk.crash(lossOf(command.seed, command.percent));
        return this.#revive((model) => model.reviveAfterCrash());
      case 'die':
        return faults.dieAt(command.after, command.how);
      case 'fault':
        return faults.fail(command.call, command.fault, command.after, command.times);
      case 'full':
        this.#disk.capacityBytes = this.#disk.usedBytes + command.freeBytes;
        return undefined;
      case 'readonly':
        faults.isReadOnly = true;
        return undefined;
      case 'heal':
        return this.#heal();
    }
  }

  #onModel(command: LogCommand & { container: number }): void {
    try {
      this.#models[command.container]?.apply(command);
    } catch (error) {
      if (!(error instanceof ProcessDied)) throw error;
      this.#revive((model) => model.reviveAfterKill());
    }
  }

  #heal(): void {
    this.#disk.faults.heal();
    this.#disk.capacityBytes = Number.POSITIVE_INFINITY;
  }

  /** A new process, on a disk that works again. */
  #revive(take: (model: WalModel) => void): void {
    this.#heal();
    this.#disk.kill();
    for (const model of this.#models) take(model);
  }

  finish(): void {
    this.#heal();
    this.#disk.faults.revive();
    for (const model of this.#models) model.finish();
  }
}

/** Runs a history to its end; throws where an invariant does not hold. */
export function runHistory(
  commands: readonly Command[],
  options = { isStrict: false, filesOpenMax: 3 },
): void {
  const run = new Run(options);
  for (const command of commands) run.apply(command);
  run.finish();
}
