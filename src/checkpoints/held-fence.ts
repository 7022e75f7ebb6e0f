import { isSameOwner } from '../wire/checkpoint.js';
import type { Fence } from './checkpoint-store.js';
import type { StringLog } from './string-log.js';

/**
 * What a file store remembers about a fence that it saves under. It is only a cache: without it, the next
 * save reads the claim again, and starts a new log of strings if it needs one.
 */
export class HeldFence {
  readonly fence: Fence;
  /** Of the claim file; `undefined` until it was read. */
  token: string | undefined;
  /** The log to append to; `undefined` if there is none, or if it is unknown how much of it is durable. */
  log: StringLog | undefined;
  /** For each log made here that may be in the folder, the number of the last checkpoint that may name it. */
  readonly #lastNumbers = new Map<string, number>();

  constructor(fence: Fence, token?: string) {
    this.fence = fence;
    this.token = token;
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

  /** Forgets logs that are not in the folder any more. @param there - The ids of those that are. */
  forgetAllBut(there: readonly string[]): void {
    for (const id of this.#lastNumbers.keys()) if (!there.includes(id)) this.#lastNumbers.delete(id);
  }
}
