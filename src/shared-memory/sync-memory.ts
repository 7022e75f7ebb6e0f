/**
 * Where the turns of syncs lie in the memory that all threads of a process share. Nothing else knows an
 * offset. Touched some hundred times a second at most, so nothing is padded.
 *
 * ```
 * instants ×2, 64 bits each · releases, 32 bits · unused, 32 bits
 * ```
 */
export interface SyncCells {
  /** A cell a permit: when it was taken, `process.hrtime` in ns; 0: it is free. */
  readonly takenAtNs: BigInt64Array;
  /** One cell: counts how often one was given back. Who waits, waits for it to change. */
  readonly releases: Int32Array;
}

/** Two of libuv's four threads stay free for reads and writes. */
export const SYNC_PERMITS = 2;

const RELEASES_AT = SYNC_PERMITS * BigInt64Array.BYTES_PER_ELEMENT;

export const SYNC_MEMORY_BYTES = RELEASES_AT + 8;

/** All zero: everything is free. */
export const syncCells = (memory: SharedArrayBuffer): SyncCells => ({
  takenAtNs: new BigInt64Array(memory, 0, SYNC_PERMITS),
  releases: new Int32Array(memory, RELEASES_AT, 1),
});
