import { isCount, type PlainData } from '../../core/plain-data.js';
import type { OverflowPolicy } from '../../settings/overflow-policy.js';
import { overflowCounts } from './overflow-notice.js';
import type { SourceCounts } from './resume-point.js';

const COUNTS = [
  'rowsRead',
  'rowsRefused',
  'rowsRejected',
  'rowsConflated',
  'rowsDroppedOldest',
  'rowsDroppedNewest',
  'bytesIn',
] as const;

type Counts = Readonly<Record<(typeof COUNTS)[number], number>>;

/** The counts of an input over all starts of its run, up to its operators. */
export class InputCounts {
  readonly #policy: OverflowPolicy;
  /** Counts of earlier starts, minus what the source itself has restored. */
  #before: Counts;

  /** @param policy - What its queue does when it is full. */
  constructor(policy: OverflowPolicy) {
    this.#policy = policy;
    this.#before = countsFrom(() => 0);
  }

  rowsRejected({ rowsRefused, rowsRejected }: SourceCounts): number {
    return this.#before.rowsRefused + this.#before.rowsRejected + rowsRefused + rowsRejected;
  }

  rowsLeftOut({ rowsLeftOut }: SourceCounts): number {
    const { rowsConflated, rowsDroppedOldest, rowsDroppedNewest } = this.#before;
    return rowsConflated + rowsDroppedOldest + rowsDroppedNewest + rowsLeftOut;
  }

  bytesIn({ bytesIn }: SourceCounts): number {
    return this.#before.bytesIn + bytesIn;
  }

  /** For a checkpoint. @param point - How far it counts. */
  snapshot(point: SourceCounts): Counts {
    const here = this.#of(point);
    return countsFrom((name) => this.#before[name] + here[name]);
  }

  /** @param now - Of the source, which may have restored its own counts. */
  restore(saved: Readonly<Record<string, PlainData>>, now: SourceCounts): void {
    const here = this.#of(now);
    this.#before = countsFrom((name) => {
      const count = saved[name];
      return (isCount(count) ? count : 0) - here[name];
    });
  }

  #of({ rowsRead, rowsRefused, rowsRejected, rowsLeftOut, bytesIn }: SourceCounts): Counts {
    return {
      rowsRead,
      rowsRefused,
      rowsRejected,
      ...overflowCounts(this.#policy, rowsLeftOut),
      bytesIn,
    };
  }
}

const countsFrom = (count: (name: (typeof COUNTS)[number]) => number): Counts =>
  Object.fromEntries(COUNTS.map((name) => [name, count(name)])) as Counts;
