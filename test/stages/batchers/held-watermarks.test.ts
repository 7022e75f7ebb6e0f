import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ControlRecord, PlacedControl } from '../../../src/columns/control-record.js';
import type { Row } from '../../../src/columns/row-view.js';
import type { Schema } from '../../../src/columns/schema.js';
import { nanos } from '../../../src/core/units.js';
import { BatcherOptions } from '../../../src/stages/batchers/smart/options.js';
import { smartBatcher } from '../../../src/stages/batchers/smart/smart-batcher.js';
import { batchOf, streamOf } from '../../support/batch-rows.js';
import { SimulatedClock } from '../../support/simulated-clock.js';
import { stageContext } from '../../support/stage-context.js';

const schema: Schema = {
  kind: 'custom',
  columns: [
    { name: 'time', type: 'timestamp' },
    { name: 'symbol', type: 'string' },
  ],
};
const row = (time: number, symbol = 'A'): Row => ({ time: BigInt(time), symbol });
const watermark = (at: number, symbol?: string): ControlRecord => ({
  type: 'watermark',
  at: nanos(BigInt(at)),
  ...(symbol !== undefined && { symbol }),
});
const reset = (at: number): ControlRecord => ({ type: 'reset', at: nanos(BigInt(at)), reason: 'test' });
const isRow = (entry: Row | ControlRecord): boolean => !('type' in entry);
const isWatermark = ({ type }: Row | ControlRecord): boolean => type === 'watermark';

/** Adds batches given as streams; a batch with little room of its own is copied. */
function openBatcher(options: Partial<BatcherOptions>) {
  const clock = new SimulatedClock();
  const context = stageContext({ clock });
  const batcher = smartBatcher.create(BatcherOptions.parse(options), schema, context);
  return {
    clock,
    batcher,
    add(stream: readonly (Row | ControlRecord)[], capacity = 1) {
      const rows: Row[] = [];
      const controls: PlacedControl[] = [];
      for (const entry of stream) {
        if (isRow(entry)) rows.push(entry as Row);
        else controls.push({ row: rows.length, record: entry as ControlRecord });
      }
      const room = Math.max(1, rows.length, capacity);
      batcher.add(batchOf(schema, context.dictionaries, rows, { capacity: room, controls }));
    },
    taken() {
      const batches: (Row | ControlRecord)[][] = [];
      for (let batch = batcher.take(); batch; batch = batcher.take()) batches.push(streamOf([batch]));
      return batches;
    },
  };
}

describe('a watermark in the batcher', () => {
  it.each([{}, { key: 'symbol' }])('opens no batch and starts no delay (%o)', (options) => {
    const { add, batcher, taken } = openBatcher(options);
    add([watermark(5)]);
    expect(batcher.due).toBeUndefined();
    batcher.flush('drain');
    expect(taken()).toEqual([]);
  });

  it.each([{}, { key: 'symbol' }])(
    'goes on with the rows that it stands behind, the newest alone (%o)',
    (options) => {
      const { add, batcher, taken } = openBatcher(options);
      add([row(1), watermark(1), row(2), watermark(2), watermark(7, 'A'), row(9)]);
      add([watermark(8), watermark(6)]);
      expect(taken()).toEqual([]);
      batcher.flush('drain');
      expect(taken()).toEqual([[row(1), row(2), row(9), watermark(8), watermark(7, 'A')]]);
    },
  );

  it('stands at the end of a batch that is taken as it is', () => {
    const { add, taken } = openBatcher({ maxRows: 3 });
    add([row(1), watermark(1), row(2), watermark(2), row(3)], 8);
    expect(taken()).toEqual([[row(1), row(2), row(3), watermark(2)]]);
  });

  it('does not go ahead of rows of its batch that are split off', () => {
    const { add, batcher, taken } = openBatcher({ maxRows: 2 });
    add([row(1), row(2), row(3), watermark(3)]);
    expect(taken()).toEqual([[row(1), row(2)]]);
    batcher.flush('drain');
    expect(taken()).toEqual([[row(3), watermark(3)]]);
  });

  it.each([{}, { key: 'symbol' }])('comes before the next other record, at the latest (%o)', (options) => {
    const { add, batcher, taken } = openBatcher(options);
    add([watermark(5)]);
    add([reset(1), watermark(6)]);
    add([reset(2)]);
    batcher.flush('drain');
    expect(taken().flat()).toEqual([watermark(5), reset(1), watermark(6), reset(2)]);
  });

  it('waits for the rows of all keys that it stands behind, and for no others', async () => {
    const { add, batcher, clock, taken } = openBatcher({ key: 'symbol', maxDelayMs: 100 });
    add([row(1, 'A')]);
    await clock.advance(60);
    add([row(2, 'B'), watermark(2)]);
    add([row(3, 'C'), watermark(3)]); // newer ones do not put the older one off
    await clock.advance(40);
    batcher.flush('age');
    expect(taken()).toEqual([[row(1, 'A')]]);
    await clock.advance(10);
    add([row(4, 'D'), watermark(4)]);
    await clock.advance(50);
    batcher.flush('age');
    expect(taken()).toEqual([[row(2, 'B'), watermark(2)], [row(3, 'C')]]);
    await clock.advance(50);
    batcher.flush('age');
    expect(taken()).toEqual([[row(4, 'D'), watermark(4)]]);
  });

  it('never overtakes a row, changes no batch, and is never lost, in any stream', () => {
    const item = fc.constantFrom('A', 'B', 'C', 'A', 'B', 'C', 'w', 'w', '|');
    const options = fc.record({
      maxRows: fc.integer({ min: 1, max: 12 }),
      maxKeys: fc.integer({ min: 1, max: 4 }),
      capacity: fc.constantFrom(1, 64),
      key: fc.constantFrom('symbol', undefined),
    });
    fc.assert(
      fc.property(
        fc.array(fc.array(item, { maxLength: 20 }), { maxLength: 8 }),
        options,
        (batches, given) => {
          const { capacity, key, ...limits } = given;
          const settings = key === undefined ? limits : { ...limits, key };
          const sent: (Row | ControlRecord)[] = [];
          const streams = [...batches, ['|']].map((items) =>
            items.map((kind) => {
              const at = sent.length;
              sent.push(kind === 'w' ? watermark(at) : kind === '|' ? reset(at) : row(at, kind));
              return sent.at(-1)!;
            }),
          );
          const run = (streamsIn: (Row | ControlRecord)[][]) => {
            const { add, batcher, taken } = openBatcher(settings);
            const out: (Row | ControlRecord)[][] = [];
            for (const stream of streamsIn) {
              add(stream, capacity);
              out.push(...taken());
            }
            batcher.flush('drain');
            return [...out, ...taken()];
          };
          const isOther = (entry: Row | ControlRecord) => !isWatermark(entry);
          const received = run(streams);
          const without = run(streams.map((stream) => stream.filter(isOther)));
          expect(received.map((stream) => stream.filter(isOther))).toEqual(without);

          const flat = received.flat();
          flat.forEach((entry, place) => {
            if (isRow(entry)) return;
            const at = Number((entry as { at: bigint }).at);
            const before = sent.slice(0, at);
            const rowsBefore = flat.slice(0, place).filter(isRow);
            if (isWatermark(entry)) {
              for (const each of before.filter(isRow)) expect(rowsBefore).toContainEqual(each);
            } else {
              const latest = before.findLast(isWatermark);
              if (latest) expect(flat.slice(0, place)).toContainEqual(latest);
            }
          });
        },
      ),
      { numRuns: 300 },
    );
  });
});
