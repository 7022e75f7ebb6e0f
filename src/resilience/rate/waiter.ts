import type { Nanos } from '../../core/units.js';
import type { FairQueue, QueuePlace } from './fair-queue.js';
import type { IndexedHeap } from './indexed-heap.js';
import type { Permit } from './permit.js';
import type { PermitPath } from './permit-path.js';

/** A call of `acquire` that has to wait. */
export interface Waiter {
  readonly limiter: WaitedFor;
  readonly cost: number;
  /** In the order of service: its virtual time, less what its priority is worth. */
  readonly place: bigint;
  readonly virtualPlace: QueuePlace;
  /** Counts the waiters of its limiter: of two at one place, the first comes first. */
  readonly arrival: number;
  readonly since: Nanos;
  readonly deadline: Nanos | undefined;
  readonly signal: AbortSignal | undefined;
  readonly resolve: (permit: Permit) => void;
  readonly reject: (error: unknown) => void;
  /** In the queue of its limiter. */
  orderIndex: number;
  /** Among all waiters of the thread that have a deadline. */
  deadlineIndex: number;
}

/** What calls wait for: a limiter, as far as the waiting room knows it. */
export interface WaitedFor {
  readonly path: PermitPath;
  readonly order: FairQueue;
  /** By their place. */
  readonly waiters: IndexedHeap<Waiter, 'orderIndex'>;
  /** Its place in the waiting room while waiters are served. */
  turnIndex: number;
  /** Turns what `path.take` took into the caller's permit. */
  grant(cost: number, at: Nanos, waitedNs: number): Permit;
  count(counter: 'waited' | 'waitedUs' | 'timedOut' | 'aborted', amount?: number): void;
}
