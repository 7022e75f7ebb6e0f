import type { WireError } from '../core/errors.js';
import { cutText } from '../core/shown-text.js';

/** One run of a job: from getting a thread to its end. Plain data. */
export interface JobRun {
  /** 1 for the first run of the job. */
  readonly attempt: number;
  /** Of the spec that it had, if not the first one. */
  readonly revision?: number;
  /** Epoch of its claim at the checkpoint store; missing without a store, and until it has claimed. */
  readonly epoch?: number;
  /** When it was given a thread, in ms since 1970. */
  readonly startedAtMs: number;
  /** When it ended, in ms since 1970; missing while it runs. */
  readonly endedAtMs?: number;
  readonly outcome?: 'completed' | 'stopped' | 'failed';
  /** Why it failed. The message is cut after 1,024 characters. */
  readonly error?: Pick<WireError, 'code' | 'message' | 'retryable' | 'stage'>;
  /** When the next run starts, in ms since 1970, if there is to be one. */
  readonly nextStartAtMs?: number;
}

/** Runs of a job that are remembered, the last ones. */
export const RUNS_MAX = 20;
const MESSAGE_CHARS_MAX = 1_024;

/** With a run that begins now. */
export const withRun = (runs: readonly JobRun[], startedAtMs: number, revision = 1): readonly JobRun[] => {
  const attempt = (runs.at(-1)?.attempt ?? 0) + 1;
  return [...runs, { attempt, ...(revision > 1 && { revision }), startedAtMs }].slice(-RUNS_MAX);
};

/** With what became known of the last run. */
export function withKnown(
  runs: readonly JobRun[],
  known: Partial<Omit<JobRun, 'attempt' | 'revision' | 'startedAtMs'>>,
): readonly JobRun[] {
  const last = runs.at(-1);
  return last ? [...runs.slice(0, -1), { ...last, ...known }] : runs;
}

/** With the end of the last run. A start that was refused is a run of no length. */
export function withEnd(
  runs: readonly JobRun[],
  atMs: number,
  {
    outcome,
    error,
  }: { readonly outcome: JobRun['outcome'] & string; readonly error?: WireError | undefined },
): readonly JobRun[] {
  const isOpen = runs.at(-1)?.endedAtMs === undefined && runs.length > 0;
  return withKnown(isOpen ? runs : withRun(runs, atMs), {
    endedAtMs: atMs,
    outcome,
    ...(error && { error: shortened(error) }),
  });
}

/**
 * Epoch of the last start that claimed its key, if no start since is known to have completed. It may have completed
 * all the same, if its thread was lost before it could say so.
 */
export function epochToFollow(runs: readonly JobRun[]): number | undefined {
  for (const { outcome, epoch } of runs.toReversed()) {
    if (outcome === 'completed') return undefined;
    if (epoch !== undefined) return epoch;
  }
  return undefined;
}

const shortened = ({ code, message, retryable, stage }: WireError): JobRun['error'] & object => ({
  code,
  message: cutText(message, MESSAGE_CHARS_MAX),
  retryable,
  ...(stage !== undefined && { stage }),
});
