import { describe, expect, it } from 'vitest';
import { DictionarySet } from '../../../src/columns/dictionary.js';
import type { Schema } from '../../../src/columns/schema.js';
import type { StageContext } from '../../../src/engine/stage.js';
import { filterOperator } from '../../../src/stages/operators/filter/filter.js';
import { type BranchSpec, branchedPipeline, type SinkSpec } from '../../support/branched-pipeline.js';
import { FailingMemory } from '../../support/failing-memory.js';
import { gatedSink } from '../../support/gated-sink.js';
import { NUMBERS } from '../../support/nested-stages.js';
import { feedOf } from '../../support/pipeline-rig.js';
import { SimulatedClock } from '../../support/simulated-clock.js';
import { one } from '../../support/tee-of.js';

const leaf = (): BranchSpec => ({ sink: gatedSink().sink, batcher: one });
const all: BranchSpec = {
  match: 'all',
  split: { even: { when: 'n % 2 = 0', ...leaf() }, few: { when: 'n > 2', ...leaf() } },
  otherwise: leaf(),
};
const even = (input: Schema, context: StageContext) =>
  filterOperator.create({ where: 'n % 2 = 0' }, input, context);

const TREES: Readonly<Record<string, SinkSpec>> = {
  'a tee': { tee: [leaf(), leaf()] },
  'a split': all,
  'a split in a split': {
    match: 'all',
    split: { most: { when: 'n < 7', ...all }, some: { when: 'n % 3 = 0', ...all } },
  },
  'a split in a tee behind a filter': { tee: [leaf(), { ...all, operators: [even] }] },
};

describe('a sink with branches', () => {
  it.each(Object.entries(TREES))(
    'gives back all memory wherever there is no more of it: %s',
    async (_, sink) => {
      const run = async (memory: FailingMemory) => {
        const clock = new SimulatedClock();
        const feed = feedOf(NUMBERS);
        const dictionaries = new DictionarySet(memory);
        const pipeline = branchedPipeline({
          source: feed.make,
          sink,
          batcher: { maxRows: 4, maxDelayMs: 1 },
          clock,
          dictionaries,
        });
        const ended = pipeline.run();
        for (const from of [0, 4, 8, 12]) feed.push(...[0, 1, 2, 3].map((n) => ({ n: from + n })));
        feed.end();
        await clock.advance(100);
        return ended;
      };
      const whole = new FailingMemory();
      expect(await run(whole)).toMatchObject({ outcome: 'completed' });
      for (let at = 0; at < whole.taken; at++) {
        const memory = new FailingMemory(at);
        const { error } = await run(memory);
        expect([at, error?.code, memory.current]).toEqual([at, 'MEMORY_EXHAUSTED', 0]);
      }
    },
  );
});
