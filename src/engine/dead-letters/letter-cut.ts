import type { LettersBehind } from '../rejects.js';
import { type LetterProgress, type LettersUpTo, upTo } from './dead-letter-position.js';

/** What one branch has added since the cut of the trunk. */
interface BranchPart {
  /** Before it took its part of the cut. */
  counted: readonly number[];
  /** After that: their rows come again. */
  since: number[];
  /** Of its inputs. */
  behind: readonly LettersBehind[];
}

/**
 * Which letters a checkpoint covers. The trunk takes its part at once, and each branch takes its own later: what
 * a branch has added until then does not come again, although what the trunk has added meanwhile does.
 */
export class LetterCut {
  readonly #progress: LetterProgress;
  readonly #behind: readonly LettersBehind[];
  readonly #branches = new Map<object, BranchPart>();

  /** @param progress - At the cut of the trunk. It must not change later. */
  constructor(progress: LetterProgress, behind: readonly LettersBehind[]) {
    this.#progress = progress;
    this.#behind = behind;
  }

  /** A branch has added a letter. */
  note(branch: object, ordinal: number): void {
    this.#partOf(branch).since.push(ordinal);
  }

  /** A branch takes its part. Of a branch that was still busy with an earlier cut, the last one counts. */
  take(branch: object, behind: readonly LettersBehind[]): void {
    const part = this.#partOf(branch);
    part.counted = part.counted.concat(part.since);
    part.since = [];
    part.behind = behind;
  }

  /** Called once all branches have taken theirs. */
  upTo(): LettersUpTo {
    const parts = [...this.#branches.values()];
    const behind = [...this.#behind, ...parts.flatMap((part) => part.behind)];
    return upTo(
      this.#progress,
      behind,
      parts.flatMap(({ counted }) => counted),
    );
  }

  #partOf(branch: object): BranchPart {
    let part = this.#branches.get(branch);
    if (!part) {
      part = { counted: [], since: [], behind: [] };
      this.#branches.set(branch, part);
    }
    return part;
  }
}
