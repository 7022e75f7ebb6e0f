import type { BadRow } from '../../core/errors.js';
import type { BranchRejects, LettersBehind, SourceRejects } from '../rejects.js';
import type { LetterCut } from './letter-cut.js';
import { type LetterTaker, SourceLetters } from './source-letters.js';

/** The file of dead letters, as branches add to it. */
export interface BranchedLetters extends LetterTaker {
  /** The cut that branches are taking their parts of. */
  readonly cut: LetterCut | undefined;
  ofBranch(): BranchRejects;
}

/** The dead letters of the operators and inputs of one branch, without those of the branches of its sink. */
export class BranchLetters implements BranchRejects, LetterTaker {
  readonly #file: BranchedLetters;

  constructor(file: BranchedLetters) {
    this.#file = file;
  }

  get keepsRows(): boolean {
    return this.#file.keepsRows;
  }

  get count(): number {
    return this.#file.count;
  }

  get bytes(): number {
    return this.#file.bytes;
  }

  add(row: BadRow): void {
    this.number(row);
  }

  number(row: BadRow): number {
    const ordinal = this.#file.number(row);
    this.#file.cut?.note(this, ordinal);
    return ordinal;
  }

  flush(): Promise<void> {
    return this.#file.flush();
  }

  ofSource(): SourceRejects {
    return new SourceLetters(this);
  }

  ofBranch(): BranchRejects {
    return this.#file.ofBranch();
  }

  takePart(behind: readonly LettersBehind[]): void {
    this.#file.cut?.take(this, behind);
  }
}
