import type { BadRow } from '../../core/errors.js';
import type { LetterMark, LettersBehind, Rejects, SourceRejects } from '../rejects.js';

/** The file of dead letters, as a source adds to it. */
export interface LetterTaker extends Omit<Rejects, 'add'> {
  /** Offset in the file before which no letter that is added from now on begins. */
  readonly bytes: number;
  /** @returns The ordinal of the letter. */
  number(row: BadRow): number;
}

/**
 * The dead letters of one source. A source is read ahead, and its letters stand among those of the chain: so
 * it is noted which are its own.
 */
export class SourceLetters implements SourceRejects {
  readonly #file: LetterTaker;
  /** Of the letters that are not forgotten. */
  readonly #ordinals: number[] = [];
  #forgotten = 0;

  constructor(file: LetterTaker) {
    this.#file = file;
  }

  get keepsRows(): boolean {
    return this.#file.keepsRows;
  }

  get count(): number {
    return this.#file.count;
  }

  add(row: BadRow): void {
    this.#ordinals.push(this.#file.number(row));
  }

  flush(): Promise<void> {
    return this.#file.flush();
  }

  mark(): LetterMark {
    return { letters: this.#forgotten + this.#ordinals.length, bytes: this.#file.bytes };
  }

  forget({ letters }: LetterMark): void {
    if (letters <= this.#forgotten) return;
    this.#ordinals.splice(0, letters - this.#forgotten);
    this.#forgotten = letters;
  }

  behind({ letters, bytes }: LetterMark): LettersBehind {
    return { ordinals: this.#ordinals.slice(letters - this.#forgotten), bytes };
  }
}
