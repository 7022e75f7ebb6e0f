import type { Schema } from '../columns/schema.js';
import type { ResolvedSpec, ResolvedStage } from './resolved-spec.js';
import { placesOf } from './stage-tree.js';

/** Returns all stages, those of inputs and branches included. */
export function stagesOf(spec: ResolvedSpec): readonly ResolvedStage[] {
  return placesOf<ResolvedStage>(spec).map(({ stage }) => stage);
}

/** Returns the texts that must not appear in any log, report or error of the job. */
export function secretsOfSpec(spec: ResolvedSpec): readonly string[] {
  return stagesOf(spec).flatMap(({ secrets = [] }) => secrets);
}

/** Whether a source names a budget or a breaker, those of inputs and in branches included. */
export function needsResilience(spec: ResolvedSpec): boolean {
  const inputs = stagesOf(spec).flatMap((stage) => Object.values(stage.inputs ?? {}));
  return spec.gate !== undefined || inputs.some(({ gate }) => gate !== undefined);
}

/** The topics that a job produces and consumes: as often as stages name them. */
export interface TopicsOfJob {
  readonly produces: readonly { readonly topic: string; readonly schema: Schema }[];
  readonly consumes: readonly string[];
}

/** What a plan has put into the options of the sinks and sources `topic`. */
interface PlannedTopic {
  readonly topic: string;
  readonly schema: Schema;
}

/** Whether a stage is an end of a topic. */
export const isTopic = ({ use, outside }: Pick<ResolvedStage, 'use' | 'outside'>): boolean =>
  use === 'topic' && !outside;

/** Returns the topics of a checked spec; `undefined` if it has none. */
export function topicsOfSpec(spec: ResolvedSpec): TopicsOfJob | undefined {
  const ends = placesOf<ResolvedStage>(spec).filter(({ stage }) => isTopic(stage));
  if (ends.length === 0) return undefined;
  const of = (wanted: 'source' | 'sink') =>
    ends
      .filter(({ kind }) => kind === wanted)
      .map(({ stage }) => {
        const { topic, schema } = stage.options as PlannedTopic;
        return { topic, schema };
      });
  return { produces: of('sink'), consumes: of('source').map(({ topic }) => topic) };
}
