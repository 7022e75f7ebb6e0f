import type { Schema } from '../columns/schema.js';
import { formatPath } from '../core/errors.js';
import { schemaDifference } from '../topics/schema-difference.js';
import { topicLevels } from '../topics/topic-levels.js';
import type { ResolvedSpec } from '../wire/resolved-spec.js';
import type { Path } from '../wire/stage-tree.js';
import { topicEnds, topicsOfSpec } from '../wire/stages-of-spec.js';

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
        if (kind !== 'sink' || Object.hasOwn(topics, topic)) continue;
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
  readonly path: Path;
  readonly message: string;
}

/** Returns what is wrong with the topics of specs that run at one time. @param names - Of the specs. */
export function topicConflicts(
  specs: readonly (ResolvedSpec | undefined)[],
  names: readonly string[],
): readonly TopicConflict[] {
  const ends = specs.flatMap((spec, i) => (spec ? topicEnds(spec).map((end) => ({ ...end, spec: i })) : []));
  return ends.flatMap(({ kind, topic, schema, path, spec }, i) => {
    const producer = ends.find((end) => end.kind === 'sink' && end.topic === topic);
    if (!producer || producer === ends[i]) return [];
    const at = `${formatPath(producer.path)} of spec "${names[producer.spec]}"`;
    if (kind === 'sink') {
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
    const topics = topicsOfSpec(spec);
    return topics && { ...topics, produces: topics.produces.map(({ topic }) => topic) };
  });
}
