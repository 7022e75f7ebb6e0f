/** The topics that something produces and consumes. */
export interface TopicNames {
  readonly produces: readonly string[];
  readonly consumes: readonly string[];
}

/**
 * Divides what is connected by topics into levels: who produces a topic stands in an earlier one than those who
 * consume it. What forms a circle is in one level with all behind it.
 */
export function topicLevels<T>(all: readonly T[], topicsOf: (each: T) => TopicNames | undefined): T[][] {
  const levels: T[][] = [];
  let left = all.map((each) => ({ each, topics: topicsOf(each) }));
  while (left.length > 0) {
    const produced = new Set(left.flatMap(({ topics }) => topics?.produces ?? []));
    const isBehind = ({ topics }: (typeof left)[number]) =>
      topics?.consumes.some((topic) => produced.has(topic)) ?? false;
    const behind = left.filter(isBehind);
    const isCircle = behind.length === left.length;
    levels.push((isCircle ? left : left.filter((one) => !isBehind(one))).map(({ each }) => each));
    left = isCircle ? [] : behind;
  }
  return levels;
}
