import { formatProblem, type SpecProblem } from '../core/errors.js';
import { problemOfNoStore } from '../plan/exactly-once.js';
import { problemOfSlicedTopic } from '../plan/sliced-topics.js';
import type { JobRecord } from '../store/job-store.js';
import { type IsolationWishes, problemOfIsolation } from '../supervision/isolation-of.js';
import { jobsInStore } from './jobs-in-store.js';
import type { LoadedSettings } from './load-settings.js';
import type { CheckedSpec } from './load-specs.js';
import type { RunOptions } from './run-options.js';
import { dependencyProblems } from './spec-dependencies.js';

/** A spec that can be run. */
export type SoundSpec = Extract<CheckedSpec, { readonly resolved: unknown }>;

/** Refuses a spec that nothing can run as it asks without a checkpoint store. */
export function withoutStore(spec: CheckedSpec): CheckedSpec {
  if (!('resolved' in spec) || spec.resolved.delivery !== 'exactly-once') return spec;
  return refusedWith(spec, problemOfNoStore());
}

/** Refuses a spec that cannot be run in slices. */
export function withoutTopics(spec: CheckedSpec): CheckedSpec {
  const problem = 'resolved' in spec ? problemOfSlicedTopic(spec.resolved) : undefined;
  return problem ? refusedWith(spec, problem) : spec;
}

/** Refuses a spec that cannot run in what was said. */
export function inPossibleHost(spec: CheckedSpec, wishes: IsolationWishes): CheckedSpec {
  const problem = 'resolved' in spec ? problemOfIsolation(spec.resolved, wishes) : undefined;
  return problem ? refusedWith(spec, problem) : spec;
}

/**
 * Refuses a spec whose job would wait for one that does not come, or for one that waits for it. What other specs wait
 * for is known only if all of them can run.
 */
export async function withoutLostWaits(
  specs: CheckedSpec[],
  options: RunOptions,
  settings: LoadedSettings,
): Promise<CheckedSpec[]> {
  const sound = specs.filter((spec) => 'resolved' in spec);
  const waits = sound.map(({ name, resolved }) => ({ name, dependsOn: resolved.job?.dependsOn ?? [] }));
  if (sound.length < specs.length || waits.every(({ dependsOn }) => dependsOn.length === 0)) return specs;
  let jobs: readonly JobRecord[];
  try {
    jobs = await jobsInStore(options, settings);
  } catch {
    return specs; // the runtime says what is wrong with the store
  }
  const stored = new Set(jobs.flatMap(({ id, name }) => [id, name]));
  return sound.map((spec, i) => {
    const [problem] = dependencyProblems(waits[i]!, waits, stored);
    return problem ? refusedWith(spec, problem) : spec;
  });
}

const refusedWith = ({ file, name }: CheckedSpec, problem: SpecProblem): CheckedSpec => ({
  file,
  name,
  problems: [`${file}: ${formatProblem(problem)}`],
  problemsLeftOut: 0,
});
