import type { Nanos } from '../core/units.js';
import type { Limiter } from './limiter.js';
import type { Permit } from './permit.js';

/** A call of `acquire` that has to wait. */
export interface Waiter {
  readonly limiter: Limiter;
  readonly cost: number;
  /** In the order of service: its virtual time, less what its priority is worth. */
  readonly place: bigint;
  readonly virtualPlace: bigint;
  readonly since: Nanos;
  readonly deadline: Nanos | undefined;
  readonly signal: AbortSignal | undefined;
  readonly onAbort: () => void;
  readonly resolve: (permit: Permit) => void;
  readonly reject: (error: unknown) => void;
  /** In the queue of its limiter. */
  orderIndex: number;
  /** Among all waiters of the thread that have a deadline. */
  deadlineIndex: number;
}
