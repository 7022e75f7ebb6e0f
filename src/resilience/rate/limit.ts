import type { LimitParameters } from '../../shared-memory/rate-memory.js';
import type { Verdict } from './verdict.js';

/**
 * One limit of a budget as a thread sees it. Instants are ns of `Clock.now`; one that lies ahead
 * reserves. Costs are whole, at least 1 and at most `permits`: whoever calls has checked.
 */
export interface Limit {
  /** The largest cost that can ever be granted. */
  readonly permits: number;
  /** At the steady rate. */
  readonly nsPerPermit: bigint;
  /** How far off the cost is at the instant, or since when it has been free; takes nothing. */
  peek(instant: bigint, cost: number): Verdict;
  /** Check and take in one step. */
  take(instant: bigint, cost: number, undoable?: boolean): Verdict;
  /** Gives back the last undoable take, exactly or not at all; once. */
  undo(): boolean;
  /** The same for later: a function that gives back the last undoable take. */
  undoLater(): () => boolean;
  /** Counts at least so many permits as spent, as somebody says who counts better. Never fewer. */
  raiseUsed(instant: bigint, permits: number): void;
  /** After a cooldown that ends at the instant, goes on at the steady rate and not with a burst. */
  spendBurstUntil(instant: bigint): void;
  /** Permits that could be taken at the instant. */
  left(instant: bigint): number;
}

/** Where a limit lies, and the version of its scope that the parameters belong to. */
export interface LimitSite {
  readonly scope: number;
  readonly set: number;
  readonly index: number;
  readonly version: number;
  readonly parameters: LimitParameters;
}
