import { copyPlainData } from '../core/copy-plain-data.js';
import type { PlainData } from '../core/plain-data.js';
import type { Source } from './source.js';

/** Where a source stood behind the last batch that was taken, and what it had counted by then. */
export interface SourcePlace {
  readonly position: PlainData;
  readonly rowsRejected: number;
  readonly bytesIn: number;
}

/**
 * The position travels with each batch: it is asked for before a read begins, since a source may be far
 * ahead by the time at which a checkpoint is taken in the middle of that read.
 */
export class ReadPosition {
  readonly #source: Source;
  #position: PlainData | undefined;
  #rowsRejected = 0;
  #bytesIn = 0;
  #isReading = false;

  constructor(source: Source) {
    this.#source = source;
  }

  /** Whether a checkpoint can be taken now: not in a read whose source gave no position for it. */
  get isKnown(): boolean {
    return !this.#isReading || this.#position !== undefined;
  }

  /** Called before each read: a few fields, and nothing that grows. */
  beginRead(): void {
    const source = this.#source;
    this.#position = source.positionForRead ? source.positionForRead() : source.position();
    this.#rowsRejected = source.rowsRejected ?? 0;
    this.#bytesIn = source.bytesIn ?? 0;
    this.#isReading = true;
  }

  /** What was read is to be taken. */
  endRead(): void {
    this.#isReading = false;
  }

  /** A copy, for a checkpoint. In a read only while it is known, or once that read has failed. */
  take(): SourcePlace {
    if (this.#position === undefined || !this.#isReading) {
      const { rowsRejected = 0, bytesIn = 0 } = this.#source;
      return { position: copyPlainData(this.#source.position(), 'source'), rowsRejected, bytesIn };
    }
    const position = copyPlainData(this.#position, 'source');
    return { position, rowsRejected: this.#rowsRejected, bytesIn: this.#bytesIn };
  }
}
