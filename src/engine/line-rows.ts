import { isCount, type PlainData } from '../core/plain-data.js';
import type { OverflowPolicy } from '../settings/overflow-policy.js';
import type { StageStatistics } from '../wire/pipeline-report.js';
import { overflowCounts } from './intake/overflow-notice.js';
import type { OperatorTally } from './operator.js';

const COUNTS = [
  'rowsIn',
  'rowsDerived',
  'rowsConflated',
  'rowsDroppedOldest',
  'rowsDroppedNewest',
  'rowsFiltered',
  'rowsFolded',
  'rowsDropped',
  'rowsRejected',
  'rowsLate',
  'rowsOut',
] as const;

type Counts = Readonly<Record<(typeof COUNTS)[number], number>>;

/** What has passed a line: a branch or an input. */
export interface LineFlow {
  /** Rows that it was given, or that its source read. */
  readonly given: number;
  /** What its queue does when it is full. */
  readonly policy: OverflowPolicy;
  /** Rows that its queue has left out. */
  readonly leftOut: number;
  readonly tally: Required<OperatorTally>;
  /** Rows that its sink took, or that the stage read which the input is of. */
  readonly out: number;
  /** Of these, those that its sink has rejected. */
  readonly rejected?: number;
}

/**
 * The rows of a line by what became of them: `rowsIn` and `rowsDerived` are the sum of all others, apart
 * from `rowsLate`, which are counted under another name, too.
 */
export class LineRows {
  /** Counts of earlier starts of the run, minus what operators themselves have restored. */
  #before: Counts = countsOf({
    given: 0,
    policy: 'block',
    leftOut: 0,
    tally: { filtered: 0, folded: 0, derived: 0, dropped: 0, rejected: 0, late: 0 },
    out: 0,
  });

  statistics(flow: LineFlow): StageStatistics {
    const counts = this.cut(flow);
    const { rowsIn, rowsDerived, rowsLate: _, ...others } = counts;
    const told = Object.values(others).reduce((sum, rows) => sum + rows, 0);
    return { ...counts, rowsPending: rowsIn + rowsDerived - told };
  }

  /** The counts for a checkpoint. */
  cut(flow: LineFlow): Counts {
    return combined(countsOf(flow), this.#before, 1);
  }

  /** Continues from a cut. Called after the operators are restored, since some restore their own counts. */
  restore(saved: PlainData, flow: LineFlow): void {
    const known = (saved ?? {}) as Readonly<Record<string, unknown>>;
    const counts = Object.fromEntries(
      COUNTS.map((name) => [name, isCount(known[name]) ? known[name] : 0]),
    ) as Counts;
    this.#before = combined(counts, countsOf(flow), -1);
  }
}

const countsOf = ({ given, policy, leftOut, tally, out, rejected = 0 }: LineFlow): Counts => ({
  rowsIn: given,
  rowsDerived: tally.derived,
  ...overflowCounts(policy, leftOut),
  rowsFiltered: tally.filtered,
  rowsFolded: tally.folded,
  rowsDropped: tally.dropped,
  rowsRejected: tally.rejected + rejected,
  rowsLate: tally.late,
  rowsOut: out - rejected,
});

const combined = (a: Counts, b: Counts, sign: 1 | -1): Counts =>
  Object.fromEntries(COUNTS.map((name) => [name, a[name] + sign * b[name]])) as Counts;
