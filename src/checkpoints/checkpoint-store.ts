import { InvalidOptionsError, PipelineError } from '../core/errors.js';
import { isCount } from '../core/plain-data.js';
import { describeValue } from '../core/shown-text.js';
import type { Logger } from '../telemetry/logger.js';
import {
  type Checkpoint,
  described,
  isSameOwner,
  type Owner,
  ownerProblem,
  ownerText,
} from '../wire/checkpoint.js';

/** The right to save under a key, until the key is claimed again. */
export interface Fence {
  /** Increases by one with each claim of the key. */
  readonly epoch: number;
  readonly owner: Owner;
  /**
   * Random, made by the first claim of the key and the same in all later ones, also after a `remove`. With
   * it, a start takes over an output from an earlier owner that has not saved a checkpoint yet. Without it,
   * such a start is refused (`OUTPUT_IN_USE`) until that owner has ended.
   */
  readonly keyId?: string | undefined;
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
   *
   * @param log - For warnings, such as that a checkpoint is damaged and the one before it is taken.
   * @throws {InvalidOptionsError} for something that is not an owner. Nothing is claimed then.
   */
  claim(key: string, owner: Owner, log?: Logger): Promise<Fence>;
  /**
   * Resolves once the checkpoint is durable. Checking the fence and writing are one atomic step.
   *
   * @throws {InvalidOptionsError} for something that is not a fence.
   * @throws {PipelineError} `CHECKPOINT_INVALID` for a checkpoint that could not be loaded. Nothing is written.
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
export function keyProblem(key: unknown): string | undefined {
  const expected = `expected a key of 1 to ${KEY_LENGTH_MAX} characters`;
  if (typeof key !== 'string') return `${expected}, found ${describeValue(key)}`;
  // A lone surrogate has no UTF-8 encoding of its own, so two different keys could collide.
  if (key.length > 0 && key.length <= KEY_LENGTH_MAX && !/\p{Surrogate}/u.test(key)) return undefined;
  return `${expected}, found one of ${key.length}, or with half of a surrogate pair`;
}

/** @throws {InvalidOptionsError} for a key that no store accepts. */
export function checkKey(key: string): void {
  const problem = keyProblem(key);
  if (problem !== undefined) throw invalidCall(`key: ${problem}`);
}

/**
 * Returns a copy of an owner, without anything else that it may have.
 *
 * @throws {InvalidOptionsError} for something that is not an owner: written down, no later claim could read it.
 */
export function ownOwner(owner: Owner): Owner {
  const problem = ownerProblem(owner, 'owner');
  if (problem !== undefined) throw invalidCall(problem);
  const { host, process, thread } = owner;
  return { host, process, thread };
}

/** Returns what is wrong with a fence; `undefined` if nothing is. */
export function fenceProblem(fence: unknown): string | undefined {
  if (typeof fence !== 'object' || fence === null) return described('fence', 'an object', fence);
  const { epoch, owner, keyId } = fence as Partial<Fence>;
  if (!isCount(epoch)) return described('fence.epoch', 'a whole number', epoch);
  const isKeyId = keyId === undefined || (typeof keyId === 'string' && keyId !== '');
  if (!isKeyId) return described('fence.keyId', 'a text that is not empty, or none', keyId);
  return ownerProblem(owner, 'fence.owner');
}

/** @throws {InvalidOptionsError} for something that is not a fence. */
export function checkFence(fence: Fence): void {
  const problem = fenceProblem(fence);
  if (problem !== undefined) throw invalidCall(problem);
}

export const invalidCall = (problem: string): InvalidOptionsError =>
  new InvalidOptionsError('checkpoint store', [problem]);

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
