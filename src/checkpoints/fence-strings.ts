import { isSameOwner } from '../wire/checkpoint.js';
import type { Fence } from './checkpoint-store.js';
import type { StringLog } from './string-log.js';

/**
 * What a store of files remembers of the logs of strings under one fence. Nothing stands on it: without
 * it, the next save that needs a log begins one.
 */
export class FenceStrings {
  readonly fence: Fence;
  /** To be gone on with; `undefined`: there is none, or nobody knows how much of it is on the disk. */
  log: StringLog | undefined;
  /** A save is under way: another one beside it must not write into the same log. */
  isInUse = false;
  /** Of each log that was made here, the last checkpoint that may name it. */
  readonly #lastNumbers = new Map<string, number>();

  constructor(fence: Fence) {
    this.fence = fence;
  }

  isOf(fence: Fence): boolean {
    return fence.epoch === this.fence.epoch && isSameOwner(fence.owner, this.fence.owner);
  }

  /** A log of this id stands in the folder from here on, and checkpoints up to this number name it. */
  note(id: string, number: number): void {
    this.#lastNumbers.set(id, number);
  }

  /** Whether a log is ours, and neither to be gone on with nor named by a checkpoint from this number on. */
  isUnnamed(id: string, fromNumber: number): boolean {
    const last = this.#lastNumbers.get(id);
    return last !== undefined && last < fromNumber && id !== this.log?.mark.id;
  }
}
