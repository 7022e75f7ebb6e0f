import type { Schema } from '../columns/schema.js';
import type { ResolvedSpec } from '../wire/resolved-spec.js';
import { topicEnds } from '../wire/stages-of-spec.js';

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
