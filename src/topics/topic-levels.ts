/** The topics that something produces and consumes. */
export interface TopicNames {
  readonly produces: readonly string[];
  readonly consumes: readonly string[];
}

/** What is to be placed, and the topics whose producers have no level yet. */
interface Waiting<T> {
  readonly each: T;
  /** Its place among all, which it keeps within its level. */
  readonly place: number;
  readonly produces: readonly string[];
  topicsAwaited: number;
}

/**
 * Divides what is connected by topics into levels: who produces a topic stands in an earlier one than those who
 * consume it. What forms a circle is in one level with all behind it.
 *
 * Its time grows with the number of all and of their topics, however deep the levels are.
 *
 * @see A. B. Kahn, Topological sorting of large networks, Communications of the ACM 5 (1962).
 */
export function topicLevels<T>(all: readonly T[], topicsOf: (each: T) => TopicNames | undefined): T[][] {
  const consumers = new Map<string, Waiting<T>[]>();
  const producersLeft = new Map<string, number>();
  const known = all.map((each) => {
    const { produces = [], consumes = [] } = topicsOf(each) ?? {};
    return { each, produces: [...new Set(produces)], consumes: [...new Set(consumes)] };
  });
  for (const { produces } of known) {
    for (const topic of produces) producersLeft.set(topic, (producersLeft.get(topic) ?? 0) + 1);
  }
  const left = new Set<Waiting<T>>();
  for (const [place, { each, produces, consumes }] of known.entries()) {
    const awaited = consumes.filter((topic) => producersLeft.has(topic));
    const waiting = { each, place, produces, topicsAwaited: awaited.length };
    left.add(waiting);
    for (const topic of awaited) {
      const others = consumers.get(topic);
      if (others) others.push(waiting);
      else consumers.set(topic, [waiting]);
    }
  }
  const levels: T[][] = [];
  let level = [...left].filter(({ topicsAwaited }) => topicsAwaited === 0);
  while (level.length > 0) {
    levels.push(level.map(({ each }) => each));
    const next = new Set<Waiting<T>>();
    for (const waiting of level) {
      left.delete(waiting);
      for (const topic of waiting.produces) {
        const producers = producersLeft.get(topic)! - 1;
        producersLeft.set(topic, producers);
        if (producers > 0) continue;
        for (const consumer of consumers.get(topic) ?? [])
          if (--consumer.topicsAwaited === 0) next.add(consumer);
      }
    }
    level = [...next].sort((a, b) => a.place - b.place);
  }
  if (left.size > 0) levels.push([...left].map(({ each }) => each));
  return levels;
}
