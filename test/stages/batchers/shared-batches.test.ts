import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Batch } from '../../../src/columns/batch.js';
import { BatchPool } from '../../../src/columns/batch-pool.js';
import { DictionarySet } from '../../../src/columns/dictionary.js';
import { type Row, RowView } from '../../../src/columns/row-view.js';
import type { Schema } from '../../../src/columns/schema.js';
import { shareBatch } from '../../../src/columns/shared-batch.js';
import { nanos } from '../../../src/core/units.js';
import { BatcherOptions } from '../../../src/stages/batchers/smart/options.js';
import { smartBatcher } from '../../../src/stages/batchers/smart/smart-batcher.js';
import { streamOf } from '../../support/batch-rows.js';
import { hashOf } from '../../support/column-hash.js';
import { SimulatedClock } from '../../support/simulated-clock.js';
import { stageContext } from '../../support/stage-context.js';

const SCHEMA: Schema = {
  kind: 'custom',
  columns: [
    { name: 'time', type: 'timestamp' },
    { name: 'symbol', type: 'string' },
    { name: 'price', type: 'float64' },
  ],
};
const CAPACITY = 12;
const DELAY_MS = 50;

interface Step {
  readonly symbols: readonly string[];
  /** Places of control records. */
  readonly controls: readonly number[];
  readonly isReset: boolean;
  readonly waitMs: number;
  /** After how many more steps the other owner of the batch releases it. */
  readonly heldFor: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  symbols: fc.array(fc.constantFrom('A', 'B', 'C'), { maxLength: CAPACITY }),
  controls: fc.array(fc.nat({ max: CAPACITY }), { maxLength: 2 }),
  isReset: fc.boolean(),
  waitMs: fc.constantFrom(0, 0, DELAY_MS),
  heldFor: fc.integer({ min: 0, max: 4 }),
});

const options = fc.record({
  maxRows: fc.constantFrom(1, 5, 8, CAPACITY, 40),
  maxDelayMs: fc.constant(DELAY_MS),
  key: fc.constantFrom(undefined, 'symbol'),
  maxKeys: fc.constantFrom(1, 16),
});

function filled(pool: BatchPool, { symbols, controls, isReset }: Step, first: number): Batch {
  const batch = pool.acquire();
  const view = new RowView(SCHEMA).over(batch);
  symbols.forEach((symbol, i) => {
    Object.assign(view.at(i), { time: BigInt(first + i), symbol, price: first + i } satisfies Row);
  });
  batch.length = symbols.length;
  const at = nanos(BigInt(first));
  batch.controls = controls
    .map((row) => Math.min(row, symbols.length))
    .sort((a, b) => a - b)
    .map((row) => ({
      row,
      record: isReset ? { type: 'reset', at, reason: 'test' } : { type: 'watermark', at },
    }));
  return batch;
}

/** What the sink gets, batch by batch, if the batches have other owners, too, or have not. */
async function passThrough(given: BatcherOptions, steps: readonly Step[], isShared: boolean) {
  const dictionaries = new DictionarySet();
  const clock = new SimulatedClock();
  const batcher = smartBatcher.create(given, SCHEMA, stageContext({ dictionaries, clock }));
  const pool = new BatchPool(SCHEMA, CAPACITY, dictionaries);
  const others: { batch: Batch; hash: string; until: number }[] = [];
  const closed: ReturnType<typeof streamOf>[] = [];
  const take = () => {
    for (let batch = batcher.take(); batch; batch = batcher.take()) closed.push(streamOf([batch]));
  };
  const releaseOthers = (at: number) => {
    for (const other of others.splice(0)) {
      expect(hashOf(other.batch.columns)).toBe(other.hash);
      if (other.until <= at) other.batch.release();
      else others.push(other);
    }
  };
  for (const [i, each] of steps.entries()) {
    const batch = filled(pool, each, 100 * i);
    if (isShared) {
      const [mine, other] = shareBatch(batch, 2) as [Batch, Batch];
      others.push({ batch: other, hash: hashOf(other.columns), until: i + each.heldFor });
      batcher.add(mine);
    } else batcher.add(batch);
    take();
    await clock.advance(each.waitMs);
    batcher.flush('age');
    take();
    releaseOthers(i);
  }
  batcher.flush('drain');
  take();
  batcher.close?.();
  releaseOthers(Number.POSITIVE_INFINITY);
  expect(pool.outstanding).toBe(0);
  dictionaries.memory.close();
  expect(dictionaries.memory.current).toBe(0);
  return closed;
}

describe('a batcher that is given batches which others read, too', () => {
  it('closes the same batches as with its own, and changes nothing for the others', () =>
    fc.assert(
      fc.asyncProperty(options, fc.array(step, { maxLength: 12 }), async (given, steps) => {
        const parsed = BatcherOptions.parse(given);
        expect(await passThrough(parsed, steps, true)).toEqual(await passThrough(parsed, steps, false));
      }),
      { numRuns: 400 },
    ));

  it('copies nothing while the open batch gets no more rows', () => {
    const dictionaries = new DictionarySet();
    const parsed = BatcherOptions.parse({ maxRows: CAPACITY });
    const batcher = smartBatcher.create(parsed, SCHEMA, stageContext({ dictionaries }));
    const pool = new BatchPool(SCHEMA, CAPACITY, dictionaries);
    const given: Step = { symbols: ['A'], controls: [], isReset: false, waitMs: 0, heldFor: 0 };
    const [mine, other] = shareBatch(filled(pool, given, 0), 2) as [Batch, Batch];
    batcher.add(mine);
    batcher.flush('drain');
    const closed = batcher.take()!;
    expect(closed.columns[0]).toBe(other.columns[0]);
  });
});
