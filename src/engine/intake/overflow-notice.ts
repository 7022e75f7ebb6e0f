import type { Clock } from '../../core/clock.js';
import { OnceAMinute } from '../../core/once-a-minute.js';
import type { OverflowPolicy } from '../../settings/overflow-policy.js';
import type { Logger } from '../../telemetry/logger.js';
import type { StageStatistics } from '../../wire/pipeline-report.js';
import type { BatchQueue } from '../queue/batch-queue.js';

/** What happens to rows, by the policy that leaves them out. */
const DOES = {
  conflate: 'only the last row of each symbol is kept',
  'drop-oldest': 'the oldest rows are dropped',
  'drop-newest': 'the newest rows are dropped',
} as const satisfies Partial<Record<OverflowPolicy, string>>;

const mayLeaveOut = (policy: OverflowPolicy): policy is keyof typeof DOES => policy in DOES;

/** What the rows that a policy leaves out are called in statistics. */
const OVERFLOW_COUNTERS = {
  conflate: 'rowsConflated',
  'drop-oldest': 'rowsDroppedOldest',
  'drop-newest': 'rowsDroppedNewest',
} as const satisfies Record<keyof typeof DOES, string>;

type OverflowCounts = Record<(typeof OVERFLOW_COUNTERS)[keyof typeof OVERFLOW_COUNTERS], number>;

/** Returns all of these counts for a queue whose policy has left out so many rows. */
export function overflowCounts(policy: OverflowPolicy, rows: number): OverflowCounts {
  const counts: OverflowCounts = { rowsConflated: 0, rowsDroppedOldest: 0, rowsDroppedNewest: 0 };
  if (mayLeaveOut(policy)) counts[OVERFLOW_COUNTERS[policy]] = rows;
  return counts;
}

export interface OverflowNoticeParts {
  readonly policy: OverflowPolicy;
  readonly queue: Pick<BatchQueue, 'drops' | 'rows' | 'rowsLeftOut'>;
  /** What the queue belongs to, and what that is called. */
  readonly of: 'source' | 'branch';
  readonly title: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Says when a queue leaves rows out: in the health and the numbers of its source or branch, and in the log. */
export class OverflowNotice {
  readonly #parts: OverflowNoticeParts;
  readonly #warning: OnceAMinute;
  #told = 0;
  #isLeavingOut = false;

  constructor(parts: OverflowNoticeParts) {
    this.#parts = parts;
    this.#warning = new OnceAMinute(parts.clock);
  }

  /** Rows left out so far. */
  get rowsLeftOut(): number {
    return this.#parts.queue.rowsLeftOut;
  }

  /** Why the source or branch does not do all of its work, until what follows it has caught up. */
  get trouble(): string | undefined {
    const { policy } = this.#parts;
    return this.#isLeavingOut && mayLeaveOut(policy) ? `its queue is full: ${DOES[policy]}` : undefined;
  }

  /** Called when a batch was put. */
  look(): void {
    const { policy, of, title, log, queue } = this.#parts;
    if (this.#told === this.rowsLeftOut || !mayLeaveOut(policy)) return;
    this.#told = this.rowsLeftOut;
    this.#isLeavingOut = true;
    if (this.#warning.isDue()) {
      log.warn(
        { [of]: title, overflow: policy, ...queue.drops, rowsQueued: queue.rows },
        `the queue of a ${of} is full: ${DOES[policy]}; make what follows faster, or raise its "queue"`,
      );
    }
  }

  /** Called when nothing waits. */
  caughtUp(): void {
    this.#isLeavingOut = false;
  }

  statistics(): StageStatistics {
    const { policy, queue } = this.#parts;
    return {
      rowsQueued: queue.rows,
      ...(mayLeaveOut(policy) && { [OVERFLOW_COUNTERS[policy]]: this.rowsLeftOut }),
    };
  }
}
