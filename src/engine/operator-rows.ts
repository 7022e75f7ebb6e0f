import { isCount, type PlainData } from '../core/plain-data.js';
import type { StageStatistics } from '../wire/pipeline-report.js';
import type { Operator, OperatorTally } from './operator.js';
import type { Named } from './stage.js';

/** An operator, and the rows that pass it. */
export interface NamedOperator extends Named<Operator> {
  readonly rows: OperatorRows;
}

/** A tally to add to. */
export type TallySum = { -readonly [name in keyof OperatorTally]-?: number };

export const emptyTally = (): TallySum => ({
  filtered: 0,
  folded: 0,
  derived: 0,
  dropped: 0,
  rejected: 0,
  late: 0,
});

const FATES = ['filtered', 'folded', 'derived', 'dropped', 'rejected', 'late'] as const;

/** The rows of an operator by what became of them, over all starts of a run. Counts batches, never single rows. */
export class OperatorRows {
  readonly #operator: Operator;
  #in = 0;
  #out = 0;
  /** Rows that it is done with: it has no more to emit for them. */
  #answered = 0;
  /** Its tally in earlier starts, minus what it has restored itself. */
  #before = emptyTally();

  constructor(operator: Operator) {
    this.#operator = operator;
  }

  given(rows: number): void {
    this.#in += rows;
  }

  emitted(rows: number): void {
    this.#out += rows;
  }

  /** It has no more to emit for the rows that it was given. */
  answered(): void {
    this.#answered = this.#in;
  }

  /** Adds its tally to a sum. */
  addTo(sum: TallySum): void {
    const tally = this.#operator.tally?.();
    if (tally) for (const fate of FATES) sum[fate] += this.#before[fate] + (tally[fate] ?? 0);
    else this.#addInferred(sum);
  }

  /** `rowsIn + rowsDerived` is the sum of the others, apart from `rowsLate`, which are counted under another name. */
  statistics(): StageStatistics {
    const tally = emptyTally();
    this.addTo(tally);
    const { filtered, folded, derived, dropped, rejected, late } = tally;
    return {
      rowsIn: this.#in,
      rowsDerived: derived,
      rowsFiltered: filtered,
      rowsFolded: folded,
      rowsDropped: dropped,
      rowsRejected: rejected,
      rowsLate: late,
      rowsOut: this.#out,
      rowsHeld: this.#in + derived - this.#out - filtered - folded - dropped - rejected,
    };
  }

  /** The counts for a checkpoint, between two batches. */
  snapshot(): PlainData {
    const tally = emptyTally();
    this.addTo(tally);
    return { in: this.#in, out: this.#out, ...tally };
  }

  /** Continues from a checkpoint. Called after the operator is restored, which may restore counts of its own. */
  restore(saved: PlainData): void {
    const known = (saved ?? {}) as Readonly<Record<string, unknown>>;
    const count = (name: string): number => {
      const value = known[name];
      return isCount(value) ? value : 0;
    };
    this.#in = count('in');
    this.#out = count('out');
    this.#answered = this.#in;
    const own = this.#operator.tally?.() ?? {};
    for (const fate of FATES) this.#before[fate] = count(fate) - (own[fate] ?? 0);
  }

  /** Of rows in and out. Rows that it is not done with are not counted. */
  #addInferred(sum: TallySum): void {
    sum.filtered += Math.max(0, this.#answered - this.#out);
    sum.derived += Math.max(0, this.#out - this.#in);
  }
}
