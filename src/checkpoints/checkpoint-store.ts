import { InvalidOptionsError, PipelineError } from '../core/errors.js';
import { type Checkpoint, isSameOwner, type Owner, ownerText } from '../wire/checkpoint.js';

/** The right to save under a key, until somebody claims it again. */
export interface Fence {
  /** One more with each claim of the key. */
  readonly epoch: number;
  readonly owner: Owner;
}

/** What a store knows of a key. */
export interface StoredKey {
  readonly key: string;
  /** Of the last claim. */
  readonly fence: Fence;
}

/**
 * Keeps the last accepted checkpoint of each key, and sees to it that one owner at a time can save.
 * Asynchronous, so that an implementation may be far away. What it is given and what it gives shares
 * nothing with what it keeps.
 *
 * The law that all of it serves: a checkpoint whose `save` has settled well is what every later claim
 * finds, or a later one by the same fence; and once a claim has settled, no `save` with a lower fence
 * does, nor changes what `load` gives.
 */
export interface CheckpointStore {
  /**
   * The last checkpoint; `undefined` where there is none.
   * @throws {PipelineError} `CHECKPOINT_INVALID` when what is there cannot be read.
   */
  load(key: string): Promise<Checkpoint | undefined>;
  /** Takes the key: whoever had it is refused from here on. Of two at once, the one with the higher epoch has it. */
  claim(key: string, owner: Owner): Promise<Fence>;
  /**
   * Settles once the checkpoint will survive. The fence is compared in the step that writes.
   *
   * @throws {PipelineError} `FENCED` when the key was claimed since. `CHECKPOINT_FAILED` when it could
   *   not be written; it may be there all the same, if the failure came after that.
   */
  save(key: string, fence: Fence, checkpoint: Checkpoint): Promise<void>;
  /** All keys that are claimed, in order. */
  list(): Promise<readonly StoredKey[]>;
  /** Forgets the key. Whoever has it is refused; epochs go on where they were. */
  remove(key: string): Promise<void>;
}

export const KEY_LENGTH_MAX = 500;

/** What is wrong with a key, for any store; `undefined`: nothing. */
export function keyProblem(key: string): string | undefined {
  // A half of a surrogate pair has no bytes of its own, so that two keys would be one.
  if (key.length > 0 && key.length <= KEY_LENGTH_MAX && !/\p{Surrogate}/u.test(key)) return undefined;
  return `expected a key of 1 to ${KEY_LENGTH_MAX} characters, found one of ${key.length}, or with half of a surrogate pair`;
}

/** @throws {InvalidOptionsError} for what no store takes as a key. */
export function checkKey(key: string): void {
  const problem = keyProblem(key);
  if (problem !== undefined) throw new InvalidOptionsError('checkpoint store', [`key: ${problem}`]);
}

/** Whether a fence may still save where `last` was claimed last. */
export const isCurrent = (fence: Fence, last: Fence): boolean =>
  fence.epoch > last.epoch || (fence.epoch === last.epoch && isSameOwner(fence.owner, last.owner));

/** @param last - Who has the key now, where that is known. */
export function fenced(key: string, fence: Fence, last: Fence | undefined): PipelineError {
  const found = last ? `epoch ${last.epoch} (${ownerText(last.owner)})` : 'none';
  return new PipelineError(
    'FENCED',
    `"${key}": expected this run, of epoch ${fence.epoch} (${ownerText(fence.owner)}), to have the key, found ${found}: ` +
      'another start has taken over, or the key was removed. Nothing more is published',
  );
}
