import { durationText } from '../core/duration-text.js';
import type { WireError } from '../core/errors.js';
import { Random, type RandomState } from '../core/random.js';
import { retryAfterMsOf } from '../core/retry-after.js';

const NS_PER_MS = 1e6;

/** When and how often a job is started again. Times are in ms. */
export interface RestartPolicy {
  readonly policy: 'on-failure' | 'always';
  readonly backOffMs: number;
  readonly backOffMaxMs: number;
  readonly stableAfterMs: number;
  /** Number of restarts within `withinMs`. */
  readonly maxRestarts: number;
  readonly withinMs: number;
}

/** The policy of a job and what it has used of it. Plain data: restored, it goes on with the same waits. */
export interface Restarts {
  readonly policy: RestartPolicy;
  /** Runs that have ended one after the other without being stable. */
  readonly endsInRow: number;
  /** When the restarts were decided that still count, in ms since 1970. */
  readonly decidedAtMs: readonly number[];
  /** From which the waits are drawn. */
  readonly random: RandomState;
}

/** How a run has ended. */
export interface RunEnd {
  readonly outcome: 'completed' | 'stopped' | 'failed';
  readonly error?: WireError | undefined;
  /** Whether it had delivered rows for as long as the policy asks for. */
  readonly isStable: boolean;
}

/** The restarts of a job that has not run. */
export const noRestarts = (policy: RestartPolicy, seed: number): Restarts => ({
  policy,
  endsInRow: 0,
  decidedAtMs: [],
  random: new Random(seed).state(),
});

/** Whether the policy asks for another run, the intensity aside. The error decides after a failure. */
export function asksForRestart({ policy }: Restarts, { outcome, error }: RunEnd): boolean {
  if (outcome === 'failed') return error?.retryable === true;
  return outcome === 'completed' && policy.policy === 'always';
}

/** Whether all restarts are used that fit in the time up to now. */
export const areSpent = (restarts: Restarts, nowMs: number): boolean =>
  counted(restarts, nowMs).length >= restarts.policy.maxRestarts;

/**
 * Decides on the next start: full jitter under a bound that doubles up to a cap, as long as runs end without being
 * stable. A provider that asks for a pause of up to a day gets it, and the jitter on top: the jobs that it has sent away do not
 * all come back at once.
 */
export function nextRestart(
  restarts: Restarts,
  end: RunEnd,
  nowMs: number,
): { readonly startAtMs: number; readonly restarts: Restarts } {
  const { policy } = restarts;
  const before = end.isStable ? 0 : restarts.endsInRow;
  const random = new Random(restarts.random);
  const bound = Math.min(policy.backOffMaxMs, policy.backOffMs * 2 ** before);
  const waitMs = random.next() * bound + (retryAfterMsOf(end.error, nowMs) ?? 0);
  return {
    startAtMs: nowMs + Math.ceil(waitMs),
    restarts: {
      policy,
      endsInRow: before + 1,
      decidedAtMs: [...counted(restarts, nowMs), nowMs],
      random: random.state(),
    },
  };
}

/**
 * Counts the death of the process as a restart. There is no wait: the start of the next process was one, and the waits
 * of its next restarts go on to grow.
 */
export const withDeath = (restarts: Restarts, nowMs: number): Restarts => ({
  ...restarts,
  endsInRow: restarts.endsInRow + 1,
  decidedAtMs: [...counted(restarts, nowMs), nowMs],
});

/** The error of a job that needs one more restart than it may have. */
export function spentError(
  { maxRestarts, withinMs }: Pick<RestartPolicy, 'maxRestarts' | 'withinMs'>,
  last: WireError | undefined,
): WireError {
  const how = last ? `failed: ${last.message} [${last.code}]` : 'completed';
  const { stage, causes, stack } = last ?? {};
  return {
    code: 'RESTARTS_SPENT',
    message:
      `The job was started again ${maxRestarts === 1 ? 'once' : `${maxRestarts} times`} within ${durationText(BigInt(Math.round(withinMs * NS_PER_MS)))}, and ` +
      `is allowed no more ("maxRestarts", "within"); its last run ${how}`,
    retryable: false,
    ...(stage !== undefined && { stage }),
    ...(causes && { causes }),
    ...(stack !== undefined && { stack }),
  };
}

/** Those that still count. A wall clock that was set back makes them count for no longer than the time again. */
const counted = ({ policy, decidedAtMs }: Restarts, nowMs: number): readonly number[] =>
  decidedAtMs.filter((atMs) => Math.abs(nowMs - atMs) < policy.withinMs).slice(-policy.maxRestarts);
