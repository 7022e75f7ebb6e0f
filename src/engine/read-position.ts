import { copyPlainData } from '../core/copy-plain-data.js';
import type { PlainData } from '../core/plain-data.js';
import type { KeptRejects } from './rejects.js';
import type { Source } from './source.js';

/** Where a source stood behind the last batch that was taken, and what it had counted by then. */
export interface SourcePlace {
  readonly position: PlainData;
  readonly rowsRejected: number;
  readonly bytesIn: number;
  /** How far the dead letters had come: those of a read that is under way are told again after it. */
  readonly deadLetters: PlainData | undefined;
}

/**
 * The position travels with each batch: it is asked for before a read begins, since a source may be far
 * ahead by the time at which a checkpoint is taken in the middle of that read.
 */
export class ReadPosition {
  readonly #source: Source;
  readonly #rejects: KeptRejects;
  #position: PlainData | undefined;
  #rowsRejected = 0;
  #bytesIn = 0;
  #deadLetters: PlainData | undefined;
  #isReading = false;

  constructor(source: Source, rejects: KeptRejects) {
    this.#source = source;
    this.#rejects = rejects;
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
    this.#deadLetters = this.#rejects.position?.();
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
      const position = copyPlainData(this.#source.position(), 'source');
      return { position, rowsRejected, bytesIn, deadLetters: this.#rejects.position?.() };
    }
    return {
      position: copyPlainData(this.#position, 'source'),
      rowsRejected: this.#rowsRejected,
      bytesIn: this.#bytesIn,
      deadLetters: this.#deadLetters,
    };
  }
}
