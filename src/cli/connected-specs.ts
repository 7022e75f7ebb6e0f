import type { Schema } from '../columns/schema.js';
import { formatPath } from '../core/errors.js';
import { schemaDifference } from '../topics/schema-difference.js';
import { topicLevels } from '../topics/topic-levels.js';
import type { ResolvedSpec, ResolvedStage } from '../wire/resolved-spec.js';
import { placesOf, type StagePlace } from '../wire/stage-tree.js';
import { isTopic } from '../wire/stages-of-spec.js';

/** A topic of a checked spec, and the stage that is its end. */
export interface TopicEnd {
  readonly kind: 'producer' | 'consumer';
  readonly topic: string;
  readonly schema: Schema;
  readonly path: StagePlace<ResolvedStage>['path'];
}

/** Returns the ends of topics in a checked spec. */
export function topicEnds(spec: ResolvedSpec): readonly TopicEnd[] {
  return placesOf<ResolvedStage>(spec)
    .filter(({ stage }) => isTopic(stage))
    .map(({ kind, stage, path }) => {
      const { topic, schema } = stage.options as { readonly topic: string; readonly schema: Schema };
      return { kind: kind === 'sink' ? 'producer' : 'consumer', topic, schema, path };
    });
}

/**
 * Checks specs that run at one time and may read the topics of one another: those that read a topic whose columns
 * were not known are checked again once they are, whatever the order of the specs.
 *
 * @param check - Checks the spec of an index, with the columns of the topics that are known.
 */
export async function checkConnected<
  One extends { readonly resolved: ResolvedSpec } | { readonly problems: unknown },
>(
  count: number,
  check: (index: number, topics: Readonly<Record<string, Schema>>) => Promise<One>,
): Promise<One[]> {
  const topics: Record<string, Schema> = {};
  const checked = new Map<number, One>();
  let areMore = true;
  while (areMore) {
    areMore = false;
    for (let i = 0; i < count; i++) {
      const before = checked.get(i);
      if (before && 'resolved' in before) continue;
      const one = await check(i, { ...topics });
      checked.set(i, one);
      if (!('resolved' in one)) continue;
      for (const { kind, topic, schema } of topicEnds(one.resolved)) {
        if (kind !== 'producer' || topics[topic]) continue;
        topics[topic] = schema;
        areMore = true;
      }
    }
    areMore &&= [...checked.values()].some((one) => !('resolved' in one));
  }
  return Array.from({ length: count }, (_, i) => checked.get(i)!);
}

/** What is wrong with a topic, and where in which spec. */
export interface TopicConflict {
  readonly spec: number;
  readonly path: TopicEnd['path'];
  readonly message: string;
}

/** Returns what is wrong with the topics of specs that run at one time. @param names - Of the specs. */
export function topicConflicts(
  specs: readonly (ResolvedSpec | undefined)[],
  names: readonly string[],
): readonly TopicConflict[] {
  const ends = specs.flatMap((spec, i) => (spec ? topicEnds(spec).map((end) => ({ ...end, spec: i })) : []));
  return ends.flatMap(({ kind, topic, schema, path, spec }, i) => {
    const producer = ends.find((end) => end.kind === 'producer' && end.topic === topic);
    if (!producer || producer === ends[i]) return [];
    const at = `${formatPath(producer.path)} of spec "${names[producer.spec]}"`;
    if (kind === 'producer') {
      const message = `expected another topic than "${topic}", which has a producer: ${at}`;
      return [{ spec, path: [...path, 'topic'], message }];
    }
    const difference = schemaDifference(producer.schema, schema);
    if (difference === undefined) return [];
    return [
      {
        spec,
        path: [...path, 'columns'],
        message: `topic "${topic}" of ${at} has other columns: ${difference}`,
      },
    ];
  });
}

/**
 * Divides specs into levels: those that produce a topic come in an earlier one than its consumers.
 */
export function specLevels(specs: readonly ResolvedSpec[]): ResolvedSpec[][] {
  return topicLevels(specs, (spec) => {
    const ends = topicEnds(spec);
    const of = (wanted: TopicEnd['kind']) =>
      ends.flatMap(({ kind, topic }) => (kind === wanted ? [topic] : []));
    return { produces: of('producer'), consumes: of('consumer') };
  });
}
