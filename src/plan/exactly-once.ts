import type { SpecProblem } from '../core/errors.js';
import { unreachable } from '../core/invariant.js';
import type { Operator } from '../engine/operator.js';
import type { Sink } from '../engine/sink.js';
import type { SinkCapabilities } from '../engine/sink-capabilities.js';
import type { Source } from '../engine/source.js';
import type { SourceCapabilities } from '../engine/source-capabilities.js';
import type { Named, Stage } from '../engine/stage.js';
import type { Registry } from '../registry/registry.js';
import type { Path, StagePlace } from '../wire/stage-tree.js';
import type { LossyBranch } from './lossy-branches.js';

/** What a stage says of how it takes part in checkpoints. */
export interface StagePart {
  readonly place: Pick<StagePlace<unknown>, 'kind' | 'path'>;
  readonly use: string;
  /** Of a source: `undefined` if only user code could report it. */
  readonly source?: SourceCapabilities['delivery'] | undefined;
  /** Of a sink without branches: the same. */
  readonly sink?: SinkCapabilities['delivery'] | undefined;
  /** Of an operator: whether its state is saved, or it has none. `undefined`: only user code could report it. */
  readonly isStateSaved?: boolean | undefined;
}

/**
 * Returns the stages of a spec with `delivery: exactly-once` that cannot take part in checkpoints, each with why, and
 * what to do.
 *
 * @param lossy - Branches and sources whose queues leave rows out.
 */
export function problemsOfExactlyOnce(
  parts: readonly StagePart[],
  lossy: readonly Pick<LossyBranch, 'path' | 'policy'>[],
  registry: Registry,
): SpecProblem[] {
  const unfit = parts.filter((part) => complaintOf(part) !== undefined);
  const ofStages = unfit.flatMap((part) => {
    const { place, use } = part;
    const generic = complaintOf(part);
    // A source with inputs is what they are.
    const isWithin = ({ place: inner }: StagePart) =>
      inner.path !== place.path && startsWith(inner.path, place.path);
    if (!generic || unfit.some(isWithin)) return [];
    const declared = registry.find(place.kind, use)?.exactlyOnce;
    const { cannot, instead } = typeof declared === 'object' ? declared : generic;
    return [
      {
        path: place.path,
        message: `expected a ${place.kind} that takes part in checkpoints ("delivery: exactly-once"), found "${use}", which ${cannot}: ${instead}`,
      },
    ];
  });
  const ofQueues = lossy.map(({ path, policy }) => ({
    path: [...path, 'queue'],
    message: `expected a queue that leaves no rows out ("delivery: exactly-once"), found ${policy}: choose block or fail`,
  }));
  return [...ofStages, ...ofQueues];
}

/** Returns the problem of a spec with `delivery: exactly-once` where no checkpoints are kept. */
export const problemOfNoStore = (): SpecProblem => ({
  path: ['delivery'],
  message:
    'expected a checkpoint store for "exactly-once", found none: give one ("--checkpoints FOLDER", "--store FOLDER", ' +
    '"checkpoints" or "store" of createRuntime or of --settings, "store" of createPipeline), or set "delivery: best-effort"',
});

/** Returns what the stages that were made say of themselves. */
export function partsOfStages(places: readonly StagePlace<Named<Stage>>[], registry: Registry): StagePart[] {
  return places.map((place) => partOfStage(place, registry));
}

function partOfStage({ kind, path, stage: named }: StagePlace<Named<Stage>>, registry: Registry): StagePart {
  const { use, stage, branches } = named;
  const part = { place: { kind, path }, use };
  // The kind says what a stage is.
  switch (kind) {
    case 'source':
      return { ...part, source: (stage as Source).capabilities.delivery };
    case 'operator': {
      const { snapshot, restore, stateless } = stage as Operator;
      const isOurs = registry.find(kind, use)?.exactlyOnce === 'yes';
      return { ...part, isStateSaved: isOurs || stateless === true || (!!snapshot && !!restore) };
    }
    case 'batcher':
      return part; // each cut closes its batches, so it holds nothing
    case 'sink':
      return branches ? part : { ...part, sink: (stage as Sink).capabilities.delivery };
    default:
      return unreachable(kind);
  }
}

const startsWith = (path: Path, owner: Path): boolean => owner.every((key, i) => key === path[i]);

function complaintOf({ source, sink, isStateSaved }: StagePart) {
  if (source === 'live-only') return LIVE_ONLY;
  if (sink === 'append') return APPENDS;
  return isStateSaved === false ? STATE_LOST : undefined;
}

const LIVE_ONLY = {
  cannot: 'is live only: what comes while the job is down is lost',
  instead:
    'use a source that can be read again (replay), or one that fills what it missed from its history (a provider with "backfill")',
};
const APPENDS = {
  cannot: 'writes the rows since the last checkpoint again after a restart',
  instead: 'use a sink of files (parquet, csv, jsonl), or one whose delivery is transactional or idempotent',
};
const STATE_LOST = {
  cannot: 'may keep state that no checkpoint has',
  instead:
    'give the operator "snapshot" and "restore", or "stateless: true" if what it emits depends on one batch alone',
};
