import { PipelineError } from '../../core/errors.js';
import type { StagedFile } from './staged-file.js';

export interface SyncsBehindLimits {
  /** Above so many bytes of open files that are not on the disk in these files, one of them is synced. */
  readonly unsyncedBytesMax: number;
  /** Above so many, writes wait. */
  readonly waitingBytesMax: number;
}

/**
 * Syncs open files as they grow, behind the flow, so that a checkpoint finds few bytes that are not on the
 * disk yet. One file at a time, the one with the most of them first.
 *
 * Once a sync has failed, no more are begun, and every later step fails with the same error: a second
 * `fsync` may succeed although the bytes are lost.
 */
export class SyncsBehind {
  readonly #open: () => Iterable<StagedFile>;
  readonly #limits: SyncsBehindLimits;
  /** Files that had many bytes from the beginning and are to be synced, with how many. */
  readonly #large = new WeakMap<StagedFile, number>();
  /** Of these, the ones whose sync has not ended. */
  readonly #largeLeft: StagedFile[] = [];
  /** The sync in progress. Never rejects. */
  #running: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  /**
   * @param open - Returns the files that are open. Those that are open now may have any number of bytes,
   *   as copies of other files have. Writes do not wait for these bytes; only `settled` does.
   */
  constructor(open: () => Iterable<StagedFile>, limits: SyncsBehindLimits) {
    this.#open = open;
    this.#limits = limits;
    let left = this.#unsynced();
    for (const file of [...open()].sort((a, b) => b.bytes - a.bytes)) {
      if (left <= limits.unsyncedBytesMax) break;
      left -= file.bytes;
      this.#large.set(file, file.bytes);
      this.#largeLeft.push(file);
    }
    this.#start();
  }

  /** How many bytes of an open file are on the disk in the file itself, at the latest after `settled`. */
  syncedBytes(file: StagedFile): number {
    return Math.max(file.bytesSynced, this.#large.get(file) ?? 0);
  }

  /**
   * Called after each write. Begins a sync if the files have grown enough, and waits while they have
   * grown too much.
   *
   * @throws {PipelineError} `OUTPUT_FAILED` if a sync has failed.
   */
  async keepUp(): Promise<void> {
    this.#start();
    while (this.#running && this.#unsynced() > this.#limits.waitingBytesMax) await this.#running;
    this.#throwIfFailed();
  }

  /**
   * Waits for the files that had many bytes from the beginning.
   *
   * @throws {PipelineError} `OUTPUT_FAILED` if a sync has failed.
   */
  async settled(): Promise<void> {
    while (this.#running && this.#largeLeft.length > 0) await this.#running;
    this.#throwIfFailed();
  }

  /** Begins no more syncs. A sync in progress goes on; whoever waits for it fails. Does not throw. */
  close(): void {
    const message = 'The output was closed before all of its bytes were on the disk';
    this.#failure ??= { error: new PipelineError('OUTPUT_FAILED', message, { retryable: true }) };
  }

  #start(): void {
    if (this.#running || this.#failure) return;
    const file = this.#largeLeft[0] ?? this.#mostUnsynced();
    if (file) this.#running = this.#sync(file);
  }

  async #sync(file: StagedFile): Promise<void> {
    try {
      await file.sync();
      if (this.#largeLeft[0] === file) this.#largeLeft.shift();
    } catch (error) {
      this.#failure ??= { error };
    }
    this.#running = undefined;
    this.#start();
  }

  /** The file to sync next, if the files have grown enough. */
  #mostUnsynced(): StagedFile | undefined {
    let [total, most, found]: [number, number, StagedFile | undefined] = [0, 0, undefined];
    for (const file of this.#open()) {
      const bytes = file.bytes - this.syncedBytes(file);
      total += bytes;
      if (bytes > most) [most, found] = [bytes, file];
    }
    return total > this.#limits.unsyncedBytesMax ? found : undefined;
  }

  #unsynced(): number {
    let total = 0;
    for (const file of this.#open()) total += file.bytes - this.syncedBytes(file);
    return total;
  }

  #throwIfFailed(): void {
    if (this.#failure) throw this.#failure.error;
  }
}
