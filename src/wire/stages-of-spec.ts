import type { Schema } from '../columns/schema.js';
import type { OverflowPolicy } from '../settings/overflow-policy.js';
import type { ResolvedInput, ResolvedSpec, ResolvedStage } from './resolved-spec.js';
import { isAlone, type Path, placesOf, stagesWithin } from './stage-tree.js';

/** Returns all stages, those of inputs and branches included. */
export function stagesOf(spec: ResolvedSpec): readonly ResolvedStage[] {
  const { source, operators, batcher, sink } = spec;
  const own = [source, ...operators, batcher, sink];
  return own.every(isAlone) ? own : own.flatMap(stagesWithin);
}

/** Returns what the stages read besides their input streams. */
const inputsOf = (spec: ResolvedSpec): readonly ResolvedInput[] =>
  stagesOf(spec).flatMap(({ inputs = {} }) => Object.values(inputs));

const NONE: readonly never[] = [];

/** Returns the texts that must not appear in any log, report or error of the job. */
export function secretsOfSpec(spec: ResolvedSpec): readonly string[] {
  return stagesOf(spec).flatMap(({ secrets = [] }) => secrets);
}

/** Whether a source names a budget or a breaker, those of inputs and in branches included. */
export function needsResilience(spec: ResolvedSpec): boolean {
  return spec.gate !== undefined || inputsOf(spec).some(({ gate }) => gate !== undefined);
}

/**
 * Returns the names of the providers that a job uses: those of the budgets and breakers of its sources, and the
 * components of these sources. Each once, those of inputs and in branches included.
 */
export function providersOfSpec(spec: ResolvedSpec): readonly string[] {
  const named = [spec, ...inputsOf(spec)].flatMap(({ source, gate }) => [
    gate?.budget?.provider,
    gate?.breaker,
    source.use,
  ]);
  return [...new Set(named.filter((name) => name !== undefined))];
}

/** The topics that a job produces and consumes: as often as stages name them. */
export interface TopicsOfJob {
  readonly produces: readonly { readonly topic: string; readonly schema: Schema }[];
  readonly consumes: readonly string[];
}

/** What a plan has put into the options of the sinks and sources `topic`, as far as others ask for it. */
interface PlannedTopic {
  readonly topic: string;
  readonly schema: Schema;
  readonly overflow?: OverflowPolicy | undefined;
}

/** An end of a topic in a checked spec. */
export interface TopicEnd extends PlannedTopic {
  /** `sink`: of its producer. `source`: of a consumer. */
  readonly kind: 'sink' | 'source';
  readonly id: string;
  readonly path: Path;
}

/** Whether a stage is an end of a topic. */
export const isTopic = ({ use, outside }: Pick<ResolvedStage, 'use' | 'outside'>): boolean =>
  use === 'topic' && !outside;

/** Returns the ends of topics in a checked spec. */
export function topicEnds(spec: ResolvedSpec): readonly TopicEnd[] {
  if (!stagesOf(spec).some(isTopic)) return NONE;
  return placesOf<ResolvedStage>(spec)
    .filter(({ stage }) => isTopic(stage))
    .map(({ kind, id, path, stage }) => {
      const { topic, schema, overflow } = stage.options as PlannedTopic;
      return { kind: kind === 'sink' ? kind : 'source', id, path, topic, schema, overflow };
    });
}

/** Returns the topics of a checked spec; `undefined` if it has none. */
export function topicsOfSpec(spec: ResolvedSpec): TopicsOfJob | undefined {
  const ends = topicEnds(spec);
  if (ends.length === 0) return undefined;
  return {
    produces: ends.flatMap(({ kind, topic, schema }) => (kind === 'sink' ? [{ topic, schema }] : [])),
    consumes: ends.flatMap(({ kind, topic }) => (kind === 'source' ? [topic] : [])),
  };
}
