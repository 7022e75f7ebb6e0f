import type { LimitParameters } from '../../shared-memory/scope-record.js';
import type { Verdict } from './verdict.js';

/**
 * One limit of a budget as a thread sees it. Instants are ns of `Clock.now`; taking at a future instant
 * reserves. Costs are whole numbers from 1 to `permits`; the caller has checked this.
 */
export interface Limit {
  /** The largest cost that can ever be granted. */
  readonly permits: number;
  /** Of a share: the same of the whole budget; 0 if it is no share. */
  readonly permitsOfWhole: number;
  /** Ns that one permit takes at the steady rate. */
  readonly nsPerPermit: bigint;
  /** Ns until the cost could be taken at the instant or, if negative, since when it could. Takes nothing. */
  peek(instant: bigint, cost: number): Verdict;
  /** Checks and takes in one step. */
  take(instant: bigint, cost: number, undoable?: boolean): Verdict;
  /** Returns the permits of the last undoable take, exactly or not at all. Works once. */
  undo(): boolean;
  /** A function that undoes the last undoable take later. */
  undoLater(): () => boolean;
  /** Counts at least this many permits as spent, as reported by the provider. Never lowers the count. */
  raiseUsed(instant: bigint, permits: number): void;
  /**
   * Makes the limit continue at the steady rate, without a burst, after a cooldown that ends at the
   * instant.
   */
  spendBurstUntil(instant: bigint): void;
  /** Permits that could be taken at the instant. */
  left(instant: bigint): number;
  /** The instant of the last reservation behind the instant, or that itself. */
  reservedUntil(instant: bigint): bigint;
}

/** Where a limit lies in memory, and the scope version that its parameters belong to. */
export interface LimitSite {
  readonly scope: number;
  readonly set: number;
  readonly index: number;
  readonly version: number;
  readonly parameters: LimitParameters;
  /** Who takes; −1 for the owner, who only closes limits. */
  readonly member: number;
}
