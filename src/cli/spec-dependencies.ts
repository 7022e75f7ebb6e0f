import type { SpecProblem } from '../core/errors.js';
import { nearestName } from '../core/nearest-name.js';
import { cutText } from '../core/shown-text.js';

/** A spec of the command, and the jobs that its own waits for. */
export interface WaitingSpec {
  readonly name: string;
  readonly dependsOn: readonly { readonly job: string }[];
}

/**
 * What is wrong with the jobs that a spec waits for, before any of them starts: one that neither the command nor the
 * store has, for which it would wait for ever, or one that waits for this spec in turn.
 *
 * @param stored - Names and ids of the jobs in the store.
 */
export function dependencyProblems(
  { name, dependsOn }: WaitingSpec,
  specs: readonly WaitingSpec[],
  stored: ReadonlySet<string>,
): SpecProblem[] {
  const byName = new Map(specs.map((spec) => [spec.name, spec]));
  return dependsOn.flatMap(({ job }, i) => {
    const path = ['job', 'dependsOn', i, 'job'];
    if (!byName.has(job)) {
      return stored.has(job) ? [] : [{ path, message: unknownMessage(job, [...byName.keys()]) }];
    }
    const way = wayFrom(job, name, byName);
    if (!way) return [];
    const names = [name, ...way].map((one) => cutText(one, 100)).join(' → ');
    return [{ path, message: `expected jobs that do not wait for one another, found ${names}` }];
  });
}

function unknownMessage(job: string, names: readonly string[]): string {
  const near = nearestName(job, names);
  const meant = near === undefined ? '' : ` (did you mean "${near}"?)`;
  return `expected the name of another spec of this command, or a job in its store, found "${cutText(job, 100)}"${meant}`;
}

/** The names from one spec to another, by what each waits for; `undefined` if it does not get there. */
function wayFrom(
  from: string,
  to: string,
  byName: ReadonlyMap<string, WaitingSpec>,
): readonly string[] | undefined {
  const cameFrom = new Map<string, string | undefined>([[from, undefined]]);
  // A map goes on to what is added while it is read.
  for (const name of cameFrom.keys()) {
    if (name === to) {
      const way: string[] = [];
      for (let at: string | undefined = name; at !== undefined; at = cameFrom.get(at)) way.unshift(at);
      return way;
    }
    for (const { job } of byName.get(name)?.dependsOn ?? []) {
      if (byName.has(job) && !cameFrom.has(job)) cameFrom.set(job, name);
    }
  }
  return undefined;
}
