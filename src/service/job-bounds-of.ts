import { InvalidOptionsError } from '../core/errors.js';
import type { JobBounds } from '../wire/bounds.js';
import type { CheckedSubmitOptions } from './submit-options.js';

const NS_PER_MS = 1e6;

/** The options of a submit that say where the job ends. */
export type BoundOptions = Pick<CheckedSubmitOptions, 'maxRows' | 'maxDuration' | 'until' | 'slice'>;

/**
 * Returns where a job ends before its source does; `undefined`: nowhere.
 *
 * @param nowMs - On the wall clock, in ms since 1970.
 * @throws {InvalidOptionsError} for an instant that has passed, a slice beside a bound, of rows and a duration, or without a checkpoint store.
 */
export function jobBoundsOf(
  { maxRows, maxDuration, until, slice }: BoundOptions,
  { hasStore, nowMs }: { readonly hasStore: boolean; readonly nowMs: number },
): JobBounds | undefined {
  if (!slice) {
    if (maxRows === undefined && maxDuration === undefined && until === undefined) return undefined;
    if (until !== undefined && until <= nowMs) {
      const found = new Date(until).toISOString();
      throw new InvalidOptionsError('submit', [`submit.until: expected an instant to come, found ${found}`]);
    }
    return {
      ...(maxRows !== undefined && { maxRows }),
      ...(maxDuration !== undefined && { maxDurationMs: Math.ceil(maxDuration / NS_PER_MS) }),
      ...(until !== undefined && { untilMs: until }),
    };
  }
  const problems: string[] = [];
  const beside = Object.entries({ maxRows, maxDuration, until }).find(([, value]) => value !== undefined);
  if (beside)
    problems.push(`submit.slice: expected no "${beside[0]}" beside it, since a slice has a bound of its own`);
  if ((slice.rows === undefined) === (slice.duration === undefined)) {
    problems.push('submit.slice: expected either "rows" or "duration"');
  }
  if (!hasStore) {
    problems.push(
      'submit.slice: expected a checkpoint store, from which the next slice goes on: give one ("--checkpoints FOLDER", "checkpoints" of createRuntime or of --settings)',
    );
  }
  if (problems.length > 0) throw new InvalidOptionsError('submit', problems);
  return {
    isSlice: true,
    ...(slice.rows !== undefined && { sliceRows: slice.rows }),
    ...(slice.duration !== undefined && { maxDurationMs: Math.ceil(slice.duration / NS_PER_MS) }),
  };
}
