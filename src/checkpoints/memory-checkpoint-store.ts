import { randomId } from '../core/random-id.js';
import type { Checkpoint, Owner } from '../wire/checkpoint.js';
import { decodeCheckpoint, encodeCheckpoint } from './checkpoint-codec.js';
import {
  type CheckpointStore,
  checkFence,
  checkKey,
  type Fence,
  fenced,
  isCurrent,
  ownOwner,
  type StoredKey,
} from './checkpoint-store.js';

interface Entry {
  readonly fence: Fence;
  readonly checkpoint: Uint8Array | undefined;
  readonly isRemoved: boolean;
}

/** Keeps encoded checkpoints in memory: for tests, and for restarts within one process. */
export class MemoryCheckpointStore implements CheckpointStore {
  readonly #entries = new Map<string, Entry>();

  async load(key: string): Promise<Checkpoint | undefined> {
    checkKey(key);
    const bytes = this.#entries.get(key)?.checkpoint;
    return bytes && decodeCheckpoint(bytes, `"${key}"`);
  }

  async claim(key: string, owner: Owner): Promise<Fence> {
    checkKey(key);
    const last = this.#entries.get(key);
    const { epoch = 0, keyId = randomId() } = last?.fence ?? {};
    const fence = { epoch: epoch + 1, owner: ownOwner(owner), keyId };
    this.#entries.set(key, { fence, checkpoint: last?.checkpoint, isRemoved: false });
    return fence;
  }

  async save(key: string, fence: Fence, checkpoint: Checkpoint): Promise<void> {
    checkKey(key);
    checkFence(fence);
    const bytes = encodeCheckpoint(checkpoint);
    // Nothing is awaited between the check and the write, so together they are atomic.
    const last = this.#entries.get(key);
    if (!last || last.isRemoved || !isCurrent(fence, last.fence)) throw fenced(key, fence, last?.fence);
    this.#entries.set(key, { fence, checkpoint: bytes, isRemoved: false });
  }

  async list(): Promise<readonly StoredKey[]> {
    return [...this.#entries]
      .filter(([, { isRemoved }]) => !isRemoved)
      .map(([key, { fence }]) => ({ key, fence }))
      .sort(byKey);
  }

  async remove(key: string): Promise<void> {
    checkKey(key);
    const last = this.#entries.get(key);
    if (!last) return;
    this.#entries.set(key, { fence: last.fence, checkpoint: undefined, isRemoved: true });
  }
}

const byKey = (a: StoredKey, b: StoredKey): number => (a.key < b.key ? -1 : 1);
