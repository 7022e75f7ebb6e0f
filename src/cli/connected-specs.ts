import { formatPath } from '../core/errors.js';
import { schemaDifference } from '../topics/schema-difference.js';
import { topicLevels } from '../topics/topic-levels.js';
import type { ResolvedSpec } from '../wire/resolved-spec.js';
import type { Path } from '../wire/stage-tree.js';
import { topicEnds, topicsOfSpec } from '../wire/stages-of-spec.js';

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
