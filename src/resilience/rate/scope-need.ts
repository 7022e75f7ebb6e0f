import type { RateMemory } from '../../shared-memory/rate-memory.js';
import { GcraLimit } from './gcra-permit-swap.js';
import { readCounters } from './scope-statistics.js';
import type { ScopeView } from './scope-view.js';

/** What those who spend from a budget need of it, over all threads. */
export interface ScopeNeed {
  /** Permits granted since it was declared. */
  readonly permits: number;
  /** Calls of `tryAcquire` and `reserve` that were refused. */
  readonly refused: number;
  /** Whether calls wait for it. */
  readonly isWaitedFor: boolean;
  /** The largest cost that its share was too small for since `need` was last asked; 0: none. */
  readonly wanted: number;
  /** Calls in flight; 0 without a cap. */
  readonly inFlight: number;
  /** Instant from which on nothing is reserved any more; 0n, if nothing is. */
  readonly reservedUntilNs: bigint;
  /** By limit: what is spent for good of a quota; 0 of others. */
  readonly quotaSpent: readonly number[];
}

/** Reads it, and forgets what was wanted. */
export function readNeed(memory: RateMemory, view: ScopeView, now: bigint): ScopeNeed {
  const { i32, maskWords } = memory;
  const { permits, refused } = readCounters(memory, view.scope);
  let isWaitedFor = false;
  for (let word = 0; word < maskWords; word++) {
    if (Atomics.load(i32, memory.waitingAt(view.scope) + word) !== 0) isWaitedFor = true;
  }
  let reservedUntilNs = 0n;
  for (const limit of view.limits) {
    const until = limit.reservedUntil(now);
    if (until > now && until > reservedUntilNs) reservedUntilNs = until;
  }
  return {
    permits,
    refused,
    isWaitedFor,
    wanted: Atomics.exchange(i32, memory.wantedAt(view.scope), 0),
    inFlight: view.cap?.inFlight() ?? 0,
    reservedUntilNs,
    quotaSpent: view.limits.map((limit) => (limit instanceof GcraLimit ? limit.quotaSpent : 0)),
  };
}
