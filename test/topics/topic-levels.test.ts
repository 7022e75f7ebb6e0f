import { describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.js';
import { type TopicNames, topicLevels } from '../../src/topics/topic-levels.js';

interface Job extends TopicNames {
  readonly name: string;
}

const namesOf = (levels: readonly Job[][]) => levels.map((level) => level.map(({ name }) => name));

/** By the definition, level by level. */
function slowLevels(all: readonly Job[]): Job[][] {
  const levels: Job[][] = [];
  let left = [...all];
  while (left.length > 0) {
    const produced = new Set(left.flatMap(({ produces }) => produces));
    const behind = left.filter(({ consumes }) => consumes.some((topic) => produced.has(topic)));
    if (behind.length === left.length) return [...levels, left];
    levels.push(left.filter((job) => !behind.includes(job)));
    left = behind;
  }
  return levels;
}

describe('levels of topics', () => {
  it.each(Array.from({ length: 40 }, (_, seed) => seed))(
    'have producers before their consumers, in the given order, and circles behind them (seed %i)',
    (seed) => {
      const random = new Random(seed);
      const some = (most: number) =>
        Array.from({ length: random.below(most + 1) }, () => `topic-${random.below(4 + seed)}`);
      const all = Array.from({ length: 12 }, (_, i) => ({
        name: `job-${i}`,
        produces: some(2),
        consumes: some(2),
      }));
      expect(namesOf(topicLevels(all, (job) => job))).toEqual(namesOf(slowLevels(all)));
    },
  );

  it('look at each job once, however deep they are', () => {
    const jobs = 2_000;
    let looks = 0;
    const all = Array.from({ length: jobs }, (_, i) => ({
      name: `job-${i}`,
      produces: [`topic-${i}`],
      get consumes() {
        looks++;
        return i === 0 ? [] : [`topic-${i - 1}`];
      },
    }));
    const levels = topicLevels(all.toReversed(), (job) => job);
    expect(looks).toBe(jobs);
    expect(namesOf(levels)).toEqual(all.map(({ name }) => [name]));
  });
});
