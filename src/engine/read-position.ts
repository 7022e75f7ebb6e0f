import { copyPlainData } from '../core/copy-plain-data.js';
import type { PlainData } from '../core/plain-data.js';
import type { KeptRejects } from './rejects.js';
import type { Source } from './source.js';
import type { Named } from './stage.js';

/** The position of a source after the last batch that was taken, and its counters at that time. */
export interface SourcePlace {
  readonly position: PlainData;
  readonly rowsRejected: number;
  readonly bytesIn: number;
  /** The position of the dead letters; those from a read in progress are added again after a resume. */
  readonly deadLetters: PlainData | undefined;
}

/**
 * Remembers the position of the source from before each read: when a checkpoint is taken during a read,
 * the source itself may already be far ahead.
 */
export class ReadPosition {
  readonly #source: Source;
  readonly #rejects: KeptRejects;
  #position: PlainData | undefined;
  #rowsRejected = 0;
  #bytesIn = 0;
  #deadLetters: PlainData | undefined;
  #isReading = false;
  /** Not for a source with inputs: what it has read from them is in its position only between its reads. */
  readonly #isKnownForReads: boolean;
  /** Whether any stage of the pipeline has. */
  readonly #hasInputs: boolean;

  constructor({ stage, inputs }: Named<Source>, rejects: KeptRejects, hasInputs: boolean) {
    this.#source = stage;
    this.#rejects = rejects;
    this.#isKnownForReads = inputs === undefined;
    this.#hasInputs = hasInputs;
  }

  /** Whether a checkpoint can be taken now: not during a read for which the source returned no position. */
  get isKnown(): boolean {
    return !this.#isReading || this.#position !== undefined;
  }

  /** Called before each read; it must stay cheap. */
  beginRead(): void {
    const source = this.#source;
    if (!this.#isKnownForReads) this.#position = undefined;
    else this.#position = source.positionForRead ? source.positionForRead() : source.position();
    this.#rowsRejected = source.rowsRejected ?? 0;
    this.#bytesIn = source.bytesIn ?? 0;
    this.#deadLetters = this.#rejects.position?.();
    this.#isReading = true;
  }

  /** Called when the read has ended, before its batch is taken. */
  endRead(): void {
    this.#isReading = false;
  }

  /** Returns a copy for a checkpoint. During a read, only if `isKnown`, or after that read has failed. */
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
      // Inputs may have refused rows since: those of the read in progress are then written twice.
      deadLetters: this.#hasInputs ? this.#rejects.position?.() : this.#deadLetters,
    };
  }
}
