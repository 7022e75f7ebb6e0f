import { isSameOwner } from '../wire/checkpoint.js';
import type { Fence } from './checkpoint-store.js';
import type { StringLog } from './string-log.js';

/**
 * What a file store remembers about the logs of strings under one fence. It is only a cache: without it,
 * the next save that needs a log starts a new one.
 */
export class FenceStrings {
  readonly fence: Fence;
  /** The log to append to; `undefined` if there is none, or if it is unknown how much of it is durable. */
  log: StringLog | undefined;
  /** For each log made here, the number of the last checkpoint that may name it. */
  readonly #lastNumbers = new Map<string, number>();

  constructor(fence: Fence) {
    this.fence = fence;
  }

  isOf(fence: Fence): boolean {
    return fence.epoch === this.fence.epoch && isSameOwner(fence.owner, this.fence.owner);
  }

  /** Records that the log is in the folder, and that checkpoints up to this number may name it. */
  note(id: string, number: number): void {
    this.#lastNumbers.set(id, number);
  }

  /** Whether a log was made here, is not the current one, and is named by no checkpoint from this number on. */
  isUnnamed(id: string, fromNumber: number): boolean {
    const last = this.#lastNumbers.get(id);
    return last !== undefined && last < fromNumber && id !== this.log?.mark.id;
  }
}
