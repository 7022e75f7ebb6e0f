import { checkHandle, type SharedHandle } from './shared-handle.js';

/**
 * The layout of the memory in which all threads of a process take turns to sync. No other file knows an
 * offset. Accessed at most some hundred times a second, so nothing is padded.
 *
 * ```
 * instants ×2, 64 bits each · releases, 32 bits · unused, 32 bits
 * ```
 */
export interface SyncCells {
  /** One cell for each permit: when it was taken or last renewed, in ns of `process.hrtime`; 0 if it is free. */
  readonly renewedAtNs: BigInt64Array;
  /** One cell: counts the permits returned. Waiting threads wait for it to change. */
  readonly releases: Int32Array;
}

/** Two of libuv's four threads stay free for reads and writes. */
export const SYNC_PERMITS = 2;

const RELEASES_AT = SYNC_PERMITS * BigInt64Array.BYTES_PER_ELEMENT;

export const SYNC_MEMORY_BYTES = RELEASES_AT + 8;

const KIND = 'tickloom.syncs';
/** Raised with each change of the layout. */
const PROTOCOL = 1;

/** The memory as plain data: may be posted to any thread of the process and used there. */
export type SyncHandle = SharedHandle<typeof KIND>;

export const syncHandleOf = (memory: SharedArrayBuffer): SyncHandle => ({
  kind: KIND,
  protocol: PROTOCOL,
  memory,
});

/** @throws {InvalidHandleError} `HANDLE_INVALID` if it is not a handle, or is from another version. */
export const syncMemoryOf = (handle: SyncHandle): SharedArrayBuffer =>
  checkHandle(handle, { what: 'turns of syncs', kind: KIND, protocol: PROTOCOL, bytes: SYNC_MEMORY_BYTES });

/** Views of the cells. Memory that is all zero means that every permit is free. */
export const syncCells = (memory: SharedArrayBuffer): SyncCells => ({
  renewedAtNs: new BigInt64Array(memory, 0, SYNC_PERMITS),
  releases: new Int32Array(memory, RELEASES_AT, 1),
});
