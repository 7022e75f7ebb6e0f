import type { Nanos } from '../../core/units.js';
import type { IndexedHeap } from './indexed-heap.js';
import type { Permit } from './permit.js';
import type { PermitPath } from './permit-path.js';
import type { StartTag, TenantShares } from './tenant-shares.js';

/** A call of `acquire` that has to wait. */
export interface Waiter {
  readonly limiter: WaitedFor;
  readonly cost: number;
  /** Place in the order of service: its virtual time, minus what its priority is worth. */
  readonly place: bigint;
  readonly virtualPlace: StartTag;
  /** Sequence number among the waiters of its limiter; breaks ties between equal places. */
  readonly arrival: number;
  readonly since: Nanos;
  readonly deadline: Nanos | undefined;
  readonly signal: AbortSignal | undefined;
  readonly resolve: (permit: Permit) => void;
  readonly reject: (error: unknown) => void;
  /** Index in the queue of its limiter. */
  orderIndex: number;
  /** Index among all waiters of the thread that have a deadline. */
  deadlineIndex: number;
}

/** What calls wait for: the part of a limiter that the waiting room needs. */
export interface WaitedFor {
  readonly path: PermitPath;
  readonly order: TenantShares;
  /** Sorted by place. */
  readonly waiters: IndexedHeap<Waiter, 'orderIndex'>;
  /** Those that cost more than a share gives at once now: nobody waits behind them. */
  readonly setAside: Set<Waiter>;
  /** Index in the waiting room's heap while waiters are served. */
  turnIndex: number;
  /** Turns what `path.take` took into the caller's permit. */
  grant(cost: number, at: Nanos, waitedNs: number): Permit;
  count(counter: 'waited' | 'waitedUs' | 'timedOut' | 'aborted', amount?: number): void;
}
