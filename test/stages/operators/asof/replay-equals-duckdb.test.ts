import { afterAll, describe, expect, it } from 'vitest';
import { MemoryCheckpointStore } from '../../../../src/checkpoints/memory-checkpoint-store.js';
import type { Row } from '../../../../src/columns/row-view.js';
import { Random } from '../../../../src/core/random.js';
import { uncheckedSpec } from '../../../../src/plan/typed-spec.js';
import { createPipeline } from '../../../../src/runtime/pipeline-builder.js';
import { countingSink } from '../../../support/counting-sink.js';
import { scratchFolder } from '../../../support/recorded-data.js';
import { csvOf, DIRECTIONS, joinedByDuckdb, START_MS, type Ticks, ticksToJoin } from './ticks.js';

const scratch = scratchFolder();
afterAll(() => scratch.remove());

const filesOf = ({ trades, quotes }: Ticks) => ({
  trades: scratch.writeNew(csvOf(trades)),
  quotes: scratch.writeNew(csvOf(quotes)),
});

function specOf(direction: string, files: ReturnType<typeof filesOf>, batchRows: number) {
  const time = { from: 'ms', unit: 'ms' };
  return uncheckedSpec({
    name: 'joined',
    batchRows,
    source: {
      use: 'replay',
      path: files.trades,
      kind: 'trade',
      columns: { time, symbol: 'symbol', price: 'value' },
    },
    operators: [
      {
        use: 'asof',
        direction,
        with: {
          use: 'replay',
          path: files.quotes,
          kind: 'quote',
          columns: { time, symbol: 'symbol', bid: 'value', ask: 'value' },
        },
        take: ['bid'],
      },
    ],
    batcher: { maxRows: 100 },
    sink: { use: 'null' },
  });
}

const compared = ({ time, symbol, price, bid }: Row) => [
  Number((time as bigint) / 1_000_000n) - START_MS,
  symbol,
  price,
  bid,
];

describe.each(Object.entries(ticksToJoin(5)))('asof of two files with %s', (_, ticksOf) => {
  const ticks = ticksOf();
  const files = filesOf(ticks);

  describe.each(DIRECTIONS)('%s', (direction) => {
    it.each([1, 7, 8_192])('equals the ASOF JOIN of DuckDB, in batches of %i', async (batchRows) => {
      const rows: Row[] = [];
      const report = await createPipeline(specOf(direction, files, batchRows), {
        sink: countingSink(rows),
      }).run();
      expect(report).toMatchObject({ outcome: 'completed', counters: { rowsOut: ticks.trades.length } });
      expect(rows.map(compared)).toEqual(await joinedByDuckdb(direction, files));
    });

    it.each([1, 7, 8_192])('equals it over a restart after any row, in batches of %i', async (batchRows) => {
      const random = new Random(batchRows);
      const store = new MemoryCheckpointStore();
      const stopAt = 1 + random.below(ticks.trades.length - 100); // within a batch of the sink or more
      const rows: Row[] = [];
      const sink = countingSink(rows, stopAt, () => void pipeline.suspend());
      const pipeline = createPipeline(specOf(direction, files, batchRows), { sink, store });
      expect(await pipeline.run()).toMatchObject({ reason: 'suspended' });
      const rest = createPipeline(specOf(direction, files, batchRows), { sink: countingSink(rows), store });
      expect(await rest.run()).toMatchObject({ outcome: 'completed' });
      expect(rows.map(compared)).toEqual(await joinedByDuckdb(direction, files));
    });
  });
});
