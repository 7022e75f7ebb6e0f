import type { ResolvedSpec, ResolvedStage } from './resolved-spec.js';
import { placesOf, type StagePlace } from './stage-tree.js';

/** What a thread can load before it gets its task. Plain data. */
export interface ThreadNeeds {
  /** The stages of this package in which no code of users runs, and which may be ended by force. */
  readonly stages: readonly {
    readonly kind: StagePlace<ResolvedStage>['kind'];
    readonly stage: ResolvedStage;
  }[];
  /** Whether it claims a key at a checkpoint store. */
  readonly checkpoints: boolean;
}

/** What a run of a checked spec needs. */
export function threadNeeds(
  spec: ResolvedSpec,
  { checkpoints }: { readonly checkpoints: boolean },
): ThreadNeeds {
  const stages = placesOf<ResolvedStage>(spec)
    .filter(({ stage }) => !stage.runsUserCode && !stage.outside && stage.loads !== 'native')
    .map(({ kind, stage }) => ({ kind, stage }));
  return { stages, checkpoints };
}
