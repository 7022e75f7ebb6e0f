/**
 * Stores for checkpoints, and checkpoints as bytes. Entry of the sub-path `tickloom/checkpoints`.
 *
 * @module tickloom/checkpoints
 */
export type {
  Checkpoint,
  CheckpointWithoutStrings,
  Owner,
  RunIdentity,
  Undecided,
} from '../wire/checkpoint.js';
export { CHECKPOINT_BYTES_MAX, decodeCheckpoint, encodeCheckpoint } from './checkpoint-codec.js';
export type { CheckpointStore, Fence, StoredKey } from './checkpoint-store.js';
export { FileCheckpointStore, type FileCheckpointStoreOptions } from './file-checkpoint-store.js';
export { MemoryCheckpointStore } from './memory-checkpoint-store.js';
