/**
 * What goes wrong with a memory disk, and when: faults at chosen calls, and the death of the
 * process at a chosen change, after which nothing it still calls has any effect.
 */
import type { DiskCall, Fault } from './faulty-disk.ts';
import { diskError } from './memory-tree.ts';

interface Plan {
  call: DiskCall;
  /** How many calls go well before. */
  after: number;
  times: number;
  fault: Fault;
  /** Only calls on paths that match. */
  path: RegExp;
}

/** What a call has to do: all of it, half of it, or half of it and then fail. */
export type Verdict = 'whole' | 'half' | 'half-and-throw';

/** The process does not live any more; its code has to unwind without another effect. */
export class ProcessDied extends Error {
  readonly code = 'EDEAD';
  override readonly name = 'ProcessDied';
}

/** See the module comment. */
export class DiskFaults {
  /** How many faults have struck. */
  struck = 0;
  /** Calls so far that change something. */
  changes = 0;
  /** Whether everything that changes the disk is refused, as after a read-only remount. */
  isReadOnly = false;
  #plans: Plan[] = [];
  #death: { change: number; how: 'before' | 'half' | 'after' } | undefined;
  #isDead = false;

  get isDead(): boolean {
    return this.#isDead;
  }

  /** Lets `call` fail `times` times after `after` more that go well. */
  fail(call: DiskCall, fault: Fault, after = 0, times = 1, path = /(?:)/): void {
    this.#plans.push({ call, after, times, fault, path });
  }

  /** No fault is due any more. */
  heal(): void {
    this.#plans = [];
    this.isReadOnly = false;
  }

  /**
   * Lets the process die at the change number `change` from here on, 0 being the next: before
   * it, after it, or in the middle of it if it is a write.
   */
  dieAt(change: number, how: 'before' | 'half' | 'after'): void {
    this.#death = { change: this.changes + change, how };
  }

  /** Another process begins. */
  revive(): void {
    this.#isDead = false;
    this.#death = undefined;
  }

  /** To be asked before a call that only reads. Returns whether it has to be short. */
  read(call: DiskCall, path: string): boolean {
    if (this.#isDead) throw new ProcessDied(call);
    const fault = this.#due(call, path);
    if (fault === undefined || fault === 'torn') return false;
    if (fault === 'short') return true;
    throw diskError(fault, call, path);
  }

  /**
   * Runs a call that changes something. `run` gets what it has to do, and does it before it
   * throws; `onFailure` is what a fault leaves behind nevertheless.
   */
  change<T>(call: DiskCall, path: string, run: (verdict: Verdict) => T, onFailure?: () => void): T {
    if (this.#isDead) throw new ProcessDied(call);
    const number = this.changes;
    this.changes += 1;
    const dies = this.#death?.change === number ? this.#death.how : undefined;
    if (dies !== undefined) this.#isDead = true;
    const canBeHalf = call === 'writeSync' || call === 'writevSync';
    if (dies === 'before' || (dies === 'half' && !canBeHalf)) throw new ProcessDied(call);
    try {
      const result = run(dies === 'half' ? 'half' : this.#verdict(call, path, onFailure));
      if (dies !== undefined) throw new ProcessDied(call);
      return result;
    } catch (error) {
      throw dies === undefined ? error : new ProcessDied(call);
    }
  }

  #verdict(call: DiskCall, path: string, onFailure?: () => void): Verdict {
    const fault = this.#due(call, path);
    if (fault === 'short') return 'half';
    if (fault === 'torn') return 'half-and-throw';
    if (fault !== undefined) {
      onFailure?.();
      throw diskError(fault, call, path);
    }
    if (this.isReadOnly && call !== 'closeSync') throw diskError('EROFS', call, path);
    return 'whole';
  }

  #due(call: DiskCall, path: string): Fault | undefined {
    for (const plan of this.#plans) {
      if (plan.call !== call || plan.times === 0 || !plan.path.test(path)) continue;
      if (plan.after > 0) {
        plan.after -= 1;
        continue;
      }
      plan.times -= 1;
      this.struck += 1;
      return plan.fault;
    }
    return undefined;
  }
}
