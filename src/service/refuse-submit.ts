import { InvalidSpecError, PipelineError, type SpecProblem } from '../core/errors.js';
import { cutText } from '../core/shown-text.js';
import { problemOfNoStore } from '../plan/exactly-once.js';
import { problemOfSlicedTopic } from '../plan/sliced-topics.js';
import { type IsolationWishes, problemOfIsolation } from '../supervision/isolation-of.js';
import type { JobBounds } from '../wire/bounds.js';
import type { ResolvedSpec } from '../wire/resolved-spec.js';
import { type BoundOptions, jobBoundsOf } from './job-bounds-of.js';

/** @throws {InvalidSpecError} if the spec has `delivery: exactly-once` and there is no checkpoint store. */
export function assertDelivery(spec: ResolvedSpec, { hasStore }: { readonly hasStore: boolean }): void {
  if (spec.delivery === 'exactly-once' && !hasStore) throw refusal(spec, problemOfNoStore());
}

/** @throws {InvalidSpecError} if the spec cannot run in what was said. */
export function assertIsolation(spec: ResolvedSpec, wishes: IsolationWishes): void {
  const problem = problemOfIsolation(spec, wishes);
  if (problem) throw refusal(spec, problem);
}

/**
 * Returns where a job of a spec with these options ends.
 *
 * @throws {InvalidOptionsError} As `jobBoundsOf`.
 * @throws {InvalidSpecError} for a slice of a spec that reads a topic.
 */
export function boundsOfSpec(
  spec: ResolvedSpec,
  options: BoundOptions,
  context: { readonly hasStore: boolean; readonly nowMs: number },
): JobBounds | undefined {
  const bounds = jobBoundsOf(options, context);
  const problem = bounds?.isSlice ? problemOfSlicedTopic(spec) : undefined;
  if (problem) throw refusal(spec, problem);
  return bounds;
}

/** @param queued - Jobs that may wait. */
export function queueFullError(queued: number): PipelineError {
  const message = `${queued} jobs wait already, which is as many as may ("limits.queued"): submit again when some have started`;
  return new PipelineError('JOB_QUEUE_FULL', message, { retryable: true });
}

/** @param names - Of jobs that would wait each for the one after it: the first one comes last again. */
export function cycleError(names: readonly string[]): PipelineError {
  if (names.length === 2) {
    const own = `Job "${cutText(names[0]!)}" would wait for itself. To wait for an earlier job of this name, give its id in "dependsOn"`;
    return new PipelineError('DEPENDENCY_CYCLE', own);
  }
  const way = names.map((name) => `"${cutText(name)}"`).join(' → ');
  const message = `These jobs would wait for one another, each for the one after it: ${way}. Take one of them out of a "dependsOn"`;
  return new PipelineError('DEPENDENCY_CYCLE', message);
}

const refusal = (spec: ResolvedSpec, problem: SpecProblem): InvalidSpecError =>
  new InvalidSpecError(`spec "${spec.name}"`, [problem]);
