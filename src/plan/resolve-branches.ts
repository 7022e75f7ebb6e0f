import { formatPath } from '../core/errors.js';
import { outputBranch } from '../settings/branch-options.js';
import type { BranchPlace } from '../settings/branch-place.js';
import { checkData } from '../settings/check-data.js';
import { INPUT_OPERATORS_MAX } from '../settings/input-options.js';
import { valueAt } from '../settings/marked-options.js';
import { QueueOptions } from '../settings/queue-options.js';
import type { ResolvedBranch, ResolvedStage } from '../wire/resolved-spec.js';
import type { Path } from '../wire/stage-tree.js';
import { DEFAULT_BATCHER } from './pipeline-spec.js';
import { asObject, type ResolveStage, type StageCheck } from './stage-check.js';

/** The form of every branch. The schema of a component from outside may check less. */
const BranchForm = outputBranch();

/** What the branches of a sink are checked with. */
export interface BranchCheck {
  readonly check: StageCheck;
  /** Of the sink. */
  readonly path: Path;
  /** The options of the sink, as they were written. */
  readonly options: unknown;
  /** How many stages enclose those of a branch. */
  readonly depth: number;
  readonly resolveStage: ResolveStage;
}

/**
 * Checks the form of the branches of a component from outside.
 *
 * @param places - Where they are among the options of the sink.
 */
export function checkForms(places: readonly BranchPlace[], { check, path, options }: BranchCheck): void {
  for (const { at } of places) {
    check.problems.push(...checkData(BranchForm, valueAt(options, at), { at: [...path, ...at] }).problems);
  }
}

/**
 * Checks the branches of a sink: the stages in each of them.
 *
 * @param places - Where they are among the options of the sink.
 * @returns Branches by id; `undefined` if one of them is invalid.
 */
export async function resolveBranches(
  places: readonly BranchPlace[],
  within: BranchCheck,
): Promise<Readonly<Record<string, ResolvedBranch>> | undefined> {
  const branches: Record<string, ResolvedBranch> = {};
  let isSound = true;
  for (const place of places) {
    const branch = await resolveBranch(place, within);
    if (branch) branches[formatPath(place.at)] = branch;
    else isSound = false;
  }
  return isSound ? branches : undefined;
}

async function resolveBranch(
  { at, ownKeys }: BranchPlace,
  { check, path, options, depth, resolveStage }: BranchCheck,
): Promise<ResolvedBranch | undefined> {
  const here = [...path, ...at];
  const { operators: listed = [], batcher: batcherSpec, queue, ...rest } = asObject(valueAt(options, at));
  const sinkSpec = Object.fromEntries(Object.entries(rest).filter(([key]) => !ownKeys.includes(key)));
  const operators: (ResolvedStage | undefined)[] = [];
  for (const [i, operator] of (Array.isArray(listed) ? listed : []).slice(0, INPUT_OPERATORS_MAX).entries()) {
    operators.push(await resolveStage(check, 'operator', operator, [...here, 'operators', i], depth));
  }
  const batcher = await resolveStage(
    check,
    'batcher',
    { use: DEFAULT_BATCHER, ...asObject(batcherSpec) },
    [...here, 'batcher'],
    depth,
  );
  const sink = await resolveStage(check, 'sink', sinkSpec, here, depth);
  const settings = QueueOptions.safeParse(queue ?? {}); // what is wrong with it is reported with the form
  const sound = operators.filter((operator) => operator !== undefined);
  const isWhole = Array.isArray(listed) && sound.length === operators.length;
  if (!isWhole || !batcher || !sink || !settings.success) return undefined;
  return { at, operators: sound, batcher, sink, queue: settings.data };
}
