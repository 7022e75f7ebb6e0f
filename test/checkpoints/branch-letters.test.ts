import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { MemoryCheckpointStore } from '../../src/checkpoints/memory-checkpoint-store.js';
import { rowsOf } from '../../src/columns/row-view.js';
import { turnOfTheLoop } from '../../src/core/clock.js';
import { defineComponent } from '../../src/engine/component.js';
import type { DeadLetterPosition } from '../../src/engine/dead-letters/dead-letter-position.js';
import type { SourceFactory } from '../../src/engine/factories.js';
import type { Operator } from '../../src/engine/operator.js';
import type { Source } from '../../src/engine/source.js';
import type { StageContext } from '../../src/engine/stage.js';
import type { OpenSpec } from '../../src/plan/typed-spec.js';
import { createPipeline } from '../../src/runtime/pipeline-builder.js';
import { batchOf } from '../support/batch-rows.js';
import { TRADES } from '../support/pipeline-rig.js';
import { scratchFolder } from '../support/recorded-data.js';

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);

const ROUNDS = 8;
const COUNT = 4_000;
const ROWS_AT_ONCE = 40;
const START = 1_700_000_000_000_000_000n;

/** A replay of the trades 0, 1, 2, …, which answers with promises, so that it is read ahead. */
function replayOf({ dictionaries, rejects }: StageContext, isBad: (n: number) => boolean): Source {
  let next = 0;
  let rejected = 0;
  return {
    schema: TRADES,
    order: { scope: 'all', maxDelayNs: 0 },
    capabilities: { delivery: 'replayable', bounded: true },
    async read() {
      await turnOfTheLoop();
      if (next >= COUNT) return null;
      const rows = [];
      for (const end = next + ROWS_AT_ONCE; next < end; next++) {
        if (!isBad(next)) {
          rows.push({ time: START + BigInt(next) * 5_000_000n, symbol: 'A', price: next });
          continue;
        }
        rejects.add({ file: 'side', line: next, expected: 'a good row', found: 'a bad one' });
        rejected++;
      }
      return batchOf(TRADES, dictionaries, rows);
    },
    stop() {},
    position: () => next,
    resume(at) {
      next = at as number;
    },
    get rowsRejected() {
      return rejected;
    },
  };
}

const isBadInSide = (n: number) => n % 5 === 2;
const isLate = (n: number) => n % 7 === 3;

const main: SourceFactory<unknown> = {
  plan: () => TRADES,
  create: (_, context) => replayOf(context, () => false),
};
const side = defineComponent({
  kind: 'source',
  name: 'side',
  summary: 'A replay with bad rows.',
  options: async () => z.strictObject({}),
  load: async () => ({
    plan: () => TRADES,
    create: (_: unknown, context: StageContext) => replayOf(context, isBadInSide),
  }),
});

/** Rejects rows as an operator does with late ones. */
const picky = defineComponent({
  kind: 'operator',
  name: 'picky',
  summary: 'Rejects some rows.',
  options: async () => z.strictObject({}),
  load: async () => ({
    plan: (_: unknown, input: typeof TRADES) => input,
    create: (_: unknown, input: typeof TRADES, { dictionaries, rejects }: StageContext): Operator => {
      let rejected = 0;
      return {
        output: input,
        process(batch, emit) {
          const rows = Array.from(rowsOf(batch), (row) => ({ ...row }));
          const { controls } = batch;
          batch.release();
          const kept = rows.filter(({ price }) => !isLate(Number(price)));
          for (const { price } of rows) {
            if (!isLate(Number(price))) continue;
            rejected++;
            rejects.add({ file: 'main', line: Number(price), expected: 'in time', found: 'late' });
          }
          const placed = controls.map(({ record }) => ({ row: kept.length, record }));
          emit(batchOf(input, dictionaries, kept, { controls: placed }));
        },
        tally: () => ({ rejected }),
      };
    },
  }),
});

const ASOF = { use: 'asof', with: { use: 'side' }, take: { other: 'price' } };
const OPERATORS = [{ use: 'picky' }, ASOF];
const SLOW = { queue: { rows: 64, batches: 2 }, batcher: { maxRows: 64 } };

function specOf(where: 'trunk' | 'branch' | 'nested-branch', path: string): OpenSpec {
  const operators = where === 'trunk' ? OPERATORS : [];
  const branch = {
    use: 'jsonl',
    path: `${SCRATCH.folder}/${where}`,
    ...(where !== 'trunk' && { operators: OPERATORS, ...SLOW }),
  };
  const nested = { use: 'tee', branches: [branch], ...SLOW };
  const spec = {
    name: where,
    batchRows: 256,
    batcher: { maxRows: 100 },
    deadLetter: { path, maxRows: 200_000 },
    operators,
    sink: { use: 'tee', branches: [where === 'nested-branch' ? nested : branch] },
  };
  return spec as unknown as OpenSpec; // its components are of this test
}

const isOver = (run: Promise<unknown>): Promise<boolean> =>
  Promise.race([run.then(() => true), Promise.resolve().then(() => false)]);

interface Letter {
  readonly run: string;
  readonly ordinal: number;
  readonly file: string;
  readonly line: number;
}

describe.each(['trunk', 'branch', 'nested-branch'] as const)('dead letters of a %s', (where) => {
  it('are all there, each once and under one number, however often it is stopped', async () => {
    const path = `${SCRATCH.folder}/${where}.dead.jsonl`;
    const store = new MemoryCheckpointStore();
    const pipelineNow = () =>
      createPipeline(specOf(where, path), {
        store,
        source: main,
        components: [side, picky],
        checkpointEveryMs: 86_400_000,
      });
    for (let round = 1; round <= ROUNDS; round++) {
      const pipeline = pipelineNow();
      const run = pipeline.run();
      const rows = (round * COUNT) / (ROUNDS + 1);
      while (pipeline.counters.rowsIn < rows && !(await isOver(run))) await turnOfTheLoop();
      await pipeline.checkpoint();
      await pipeline.stop();
      expect(await run).toMatchObject({ outcome: 'stopped' });
    }
    expect(await pipelineNow().run()).toMatchObject({ outcome: 'completed' });

    const letters = readFileSync(path, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Letter);
    expect(new Set(letters.map(({ run }) => run)).size).toBe(1);
    expect(new Set(letters.map(({ ordinal }) => ordinal)).size).toBe(letters.length);
    expect(new Set(letters.map(({ file, line }) => `${file} ${line}`)).size).toBe(letters.length);
    const numbers = Array.from({ length: COUNT }, (_, n) => n);
    const linesOf = (file: string) =>
      letters.filter((letter) => letter.file === file).map(({ line }) => line);
    expect(linesOf('main').sort((a, b) => a - b)).toEqual(numbers.filter(isLate));
    expect(linesOf('side').sort((a, b) => a - b)).toEqual(numbers.filter(isBadInSide));
    // None is still waited for.
    const { states } = (await store.load(where))!;
    const { ordinal, awaited, count = ordinal } = states.deadLetters as DeadLetterPosition;
    expect({ ordinal, awaited, count }).toEqual({
      ordinal: letters.length,
      awaited: undefined,
      count: letters.length,
    });
  });
});
