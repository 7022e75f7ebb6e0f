import { InvalidOptionsError, PipelineError } from '../core/errors.js';
import { type Checkpoint, isSameOwner, type Owner, ownerText } from '../wire/checkpoint.js';

/** The right to save under a key, until the key is claimed again. */
export interface Fence {
  /** Increases by one with each claim of the key. */
  readonly epoch: number;
  readonly owner: Owner;
}

/** What a store knows about a key. */
export interface StoredKey {
  readonly key: string;
  /** The fence of the last claim. */
  readonly fence: Fence;
}

/**
 * Keeps the last accepted checkpoint of each key, and ensures that only one owner at a time can save. It is
 * asynchronous, so that an implementation may be remote. Its arguments and results share no memory with
 * what it keeps.
 *
 * Two guarantees. After a successful `save`, every later claim finds that checkpoint, or a later one saved
 * under the same fence. After a successful claim, no `save` with a lower fence succeeds, or changes what
 * `load` returns.
 */
export interface CheckpointStore {
  /**
   * Returns the last checkpoint; `undefined` if there is none.
   * @throws {PipelineError} `CHECKPOINT_INVALID` if the stored checkpoint cannot be read.
   */
  load(key: string): Promise<Checkpoint | undefined>;
  /**
   * Claims the key: saves by the previous owner are refused from now on. Of two concurrent claims, the one
   * with the higher epoch wins.
   */
  claim(key: string, owner: Owner): Promise<Fence>;
  /**
   * Resolves once the checkpoint is durable. Checking the fence and writing are one atomic step.
   *
   * @throws {PipelineError} `FENCED` if the key has been claimed since. `CHECKPOINT_FAILED` if the save
   *   failed; the checkpoint may be stored nevertheless, if the failure came after the write.
   */
  save(key: string, fence: Fence, checkpoint: Checkpoint): Promise<void>;
  /** Returns all claimed keys, in order. */
  list(): Promise<readonly StoredKey[]>;
  /** Removes the key and its checkpoint. Its owner is fenced. Epochs continue from where they were. */
  remove(key: string): Promise<void>;
}

export const KEY_LENGTH_MAX = 500;

/** Returns what is wrong with a key; `undefined` if it is valid for any store. */
export function keyProblem(key: string): string | undefined {
  // A lone surrogate has no UTF-8 encoding of its own, so two different keys could collide.
  if (key.length > 0 && key.length <= KEY_LENGTH_MAX && !/\p{Surrogate}/u.test(key)) return undefined;
  return `expected a key of 1 to ${KEY_LENGTH_MAX} characters, found one of ${key.length}, or with half of a surrogate pair`;
}

/** @throws {InvalidOptionsError} for a key that no store accepts. */
export function checkKey(key: string): void {
  const problem = keyProblem(key);
  if (problem !== undefined) throw new InvalidOptionsError('checkpoint store', [`key: ${problem}`]);
}

/** Whether a fence may still save, given the fence of the last claim. */
export const isCurrent = (fence: Fence, last: Fence): boolean =>
  fence.epoch > last.epoch || (fence.epoch === last.epoch && isSameOwner(fence.owner, last.owner));

/** @param last - The fence that holds the key now, if known. */
export function fenced(key: string, fence: Fence, last: Fence | undefined): PipelineError {
  const found = last ? `epoch ${last.epoch} (${ownerText(last.owner)})` : 'none';
  return new PipelineError(
    'FENCED',
    `"${key}": expected this run, of epoch ${fence.epoch} (${ownerText(fence.owner)}), to have the key, found ${found}: ` +
      'another start has taken over, or the key was removed. Nothing more is published',
  );
}
