import { type Batch, releaseAll } from '../../../columns/batch.js';
import type { DictionarySet } from '../../../columns/dictionary.js';
import { loadBatch, saveBatch } from '../../../columns/saved-batch.js';
import type { PlainData } from '../../../core/plain-data.js';
import type { Input } from '../../../engine/input.js';

/** Batches of a live input that were read but not taken yet. */
export interface SideReadsState {
  readonly arrived: readonly PlainData[];
  readonly hasEnded: boolean;
}

/** Reads a live input, batch by batch, while nobody waits for it. */
export class SideReads {
  readonly #input: Input;
  readonly #onNews: () => void;
  readonly #arrived: Batch[] = [];
  #isReading = false;
  #hasEnded = false;
  #failure: { readonly error: unknown } | undefined;

  /** @param onNews - Called when there is a batch to take, and when the input has ended or failed. */
  constructor(input: Input, onNews: () => void) {
    this.#input = input;
    this.#onNews = onNews;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Starts a read, unless one is pending or there is nothing left to read. */
  readOn(): void {
    if (this.#isReading || this.#hasEnded || this.#failure) return;
    this.#isReading = true;
    void this.#read();
  }

  /**
   * Returns the next batch, owned by the caller.
   * @throws What the input has failed with.
   */
  take(): Batch | undefined {
    if (this.#failure) throw this.#failure.error;
    return this.#arrived.shift();
  }

  snapshot(): SideReadsState {
    return { arrived: this.#arrived.map(saveBatch), hasEnded: this.#hasEnded };
  }

  restore({ arrived, hasEnded }: SideReadsState, dictionaries: DictionarySet): void {
    for (const batch of arrived) this.#arrived.push(loadBatch(batch, this.#input.schema, dictionaries));
    this.#hasEnded = hasEnded;
  }

  close(): void {
    releaseAll(this.#arrived.splice(0));
  }

  async #read(): Promise<void> {
    try {
      const batch = await this.#input.read();
      if (batch) this.#arrived.push(batch);
      else this.#hasEnded = true;
    } catch (error) {
      this.#failure = { error };
    }
    this.#isReading = false;
    this.#onNews();
  }
}
