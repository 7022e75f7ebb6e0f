import type { SpecProblem } from '../core/errors.js';
import type { Isolation } from '../hosts/threads.js';
import type { ResolvedSpec } from '../wire/resolved-spec.js';
import { stagesOf, topicsOfSpec } from '../wire/stages-of-spec.js';

/** What somebody has said of it: a submit, a spec, the settings of a runtime. */
export interface IsolationWish {
  readonly isolation?: Isolation['by'] | undefined;
  readonly maxProcessMb?: number | undefined;
}

export interface IsolationWishes {
  readonly submitted: IsolationWish;
  readonly defaults: IsolationWish;
}

/** What a job runs in: as was said, or by the code that it loads. */
export function isolationOf(spec: ResolvedSpec, { submitted, defaults }: IsolationWishes): Isolation {
  const by = saidOf(spec, { submitted, defaults }) ?? ownOf(spec);
  if (by === 'thread') return { by };
  const maxProcessMb = submitted.maxProcessMb ?? spec.maxProcessMb ?? defaults.maxProcessMb;
  return { by, ...(maxProcessMb !== undefined && { maxProcessMb }) };
}

/** Why a job cannot run in what was said, if it cannot. */
export function problemOfIsolation(spec: ResolvedSpec, wishes: IsolationWishes): SpecProblem | undefined {
  const said = saidOf(spec, wishes);
  const maxProcessMb = wishes.submitted.maxProcessMb ?? spec.maxProcessMb;
  if (said === 'thread' && maxProcessMb !== undefined) {
    const message = `expected "process", since "maxProcessMb" limits a process and no thread, found "thread"`;
    return { path: ['isolation'], message };
  }
  const [shared] = sharedBy(spec);
  if (said !== 'process' || shared === undefined) return undefined;
  const message = `expected "thread", since ${shared} cannot reach into another process yet, found "process": say "isolation: thread" for this job, or take ${shared} out of its spec`;
  return { path: ['isolation'], message };
}

/** A limit of memory is one of a process. */
const wishOf = ({ isolation, maxProcessMb }: IsolationWish): Isolation['by'] | undefined =>
  isolation ?? (maxProcessMb === undefined ? undefined : 'process');

const saidOf = (
  { isolation, maxProcessMb }: ResolvedSpec,
  { submitted, defaults }: IsolationWishes,
): Isolation['by'] | undefined =>
  wishOf(submitted) ?? wishOf({ isolation, maxProcessMb }) ?? defaults.isolation;

/** Native code may be ended by force only in a process. */
const ownOf = (spec: ResolvedSpec): Isolation['by'] =>
  stagesOf(spec).some(({ loads }) => loads === 'native') && sharedBy(spec).length === 0
    ? 'process'
    : 'thread';

/** What a job shares with others by memory. */
function sharedBy(spec: ResolvedSpec): readonly string[] {
  return [...(topicsOfSpec(spec) ? ['topics'] : [])];
}
