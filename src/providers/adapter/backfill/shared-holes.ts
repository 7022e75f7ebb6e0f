import type { ControlRecord } from '../../../columns/control-record.js';
import type { MissingHole } from '../../quality/missing-numbers.js';
import type { SequenceCheck } from '../../quality/sequence-check.js';

type Gap = Extract<ControlRecord, { type: 'gap' }>;

interface SharedHole {
  readonly gap: Gap;
  /** Counts itself what has been had, here or in the stream. */
  readonly hole: MissingHole;
  /** Symbols whose history has not been had yet. */
  readonly open: Set<number>;
}

/**
 * Holes in numbers that all symbols of a stream share. Nobody knows whose rows are missing, so the history of each
 * symbol is asked for; what none of them has is told once all have been had.
 */
export class SharedHoles {
  readonly #check: SequenceCheck | undefined;
  #holes: SharedHole[] = [];

  /** @param check - If the history has numbers of the same space. */
  constructor(check: SequenceCheck | undefined) {
    this.#check = check;
  }

  /** A gap is looked for in the history of all symbols. */
  add(gap: Gap, symbols: Iterable<number>): void {
    const hole = this.#check?.holeOf(gap);
    if (hole) this.#holes.push({ gap, hole, open: new Set(symbols) });
  }

  /** The history of a symbol has been had, or given up. @returns What has to be told. */
  end(symbol: number): ControlRecord[] {
    const told: ControlRecord[] = [];
    this.#holes = this.#holes.filter(({ gap, hole, open }) => {
      if (!open.delete(symbol) || open.size > 0) return true;
      const { left } = hole;
      if (left > 0) told.push({ ...gap, reason: `${gap.reason}: ${left} of them not in the history` });
      return false;
    });
    return told;
  }
}
