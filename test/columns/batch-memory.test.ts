import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { appendRows, Batch, swapColumns } from '../../src/columns/batch.js';
import { BatchPool } from '../../src/columns/batch-pool.js';
import { DictionarySet } from '../../src/columns/dictionary.js';
import { bytesPerRow, type Schema } from '../../src/columns/schema.js';
import { handSelection, packRows, selectRows } from '../../src/columns/selection.js';

/** Of one capacity and of another, with columns that can and columns that cannot be exchanged. */
const SCHEMAS: readonly Schema[] = [
  {
    kind: 'custom',
    columns: [
      { name: 'time', type: 'timestamp' },
      { name: 'price', type: 'float64' },
      { name: 'live', type: 'boolean' },
    ],
  },
  {
    kind: 'custom',
    columns: [
      { name: 'size', type: 'float64' },
      { name: 'id', type: 'int64' },
      { name: 'price', type: 'float64' },
    ],
  },
];
const SHAPES = SCHEMAS.flatMap((schema) => [8, 3].map((capacity) => ({ schema, capacity })));
const SPARES_MAX = 2;

const bytesOf = (batch: Batch): number =>
  batch.capacity * bytesPerRow(batch.schema) + (batch.selectionMemory?.byteLength ?? 0);

/** Pools and batches, and beside them what each spare and each batch should take. */
class Batches {
  readonly dictionaries = new DictionarySet();
  readonly pools = SHAPES.map(
    ({ schema, capacity }) => new BatchPool(schema, capacity, this.dictionaries, SPARES_MAX),
  );
  readonly live: { readonly batch: Batch; readonly pool: number | undefined }[] = [];
  readonly released: { readonly batch: Batch; readonly columns: readonly unknown[] }[] = [];
  readonly spares: number[][] = SHAPES.map(() => []);

  pick(at: number): Batch | undefined {
    return this.live[at % Math.max(1, this.live.length)]?.batch;
  }

  acquire(pool: number): void {
    this.spares[pool]!.pop();
    this.live.push({ batch: this.pools[pool]!.acquire(), pool });
  }

  make(shape: number): void {
    const { schema, capacity } = SHAPES[shape]!;
    this.live.push({ batch: new Batch(schema, capacity, this.dictionaries), pool: undefined });
  }

  release(at: number): void {
    const [entry] = this.live.splice(at % Math.max(1, this.live.length), 1);
    if (!entry) return;
    const { batch, pool } = entry;
    const bytes = bytesOf(batch);
    this.released.push({ batch, columns: batch.columns });
    batch.release();
    if (pool !== undefined && this.spares[pool]!.length < SPARES_MAX) this.spares[pool]!.push(bytes);
  }

  check(): void {
    const arrays = this.live.flatMap(({ batch }) => [...batch.columns, batch.selectionMemory ?? []]);
    expect(new Set(arrays).size).toBe(arrays.length);
    const heldByLive = this.live.reduce((sum, { batch }) => sum + bytesOf(batch), 0);
    const heldBySpares = this.spares.flat().reduce((sum, bytes) => sum + bytes, 0);
    expect(this.dictionaries.memory.current).toBe(heldByLive + heldBySpares);
    for (const { batch, columns } of this.released) {
      expect(batch.isReleased).toBe(true);
      expect(() => batch.columns).toThrow('not used after its release');
      for (const column of columns) expect(arrays.some((array) => array === column)).toBe(false);
    }
  }
}

type Step = (batches: Batches) => void;
const index = fc.nat({ max: 20 });
const shape = fc.nat({ max: SHAPES.length - 1 });

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: shape.map(
      (pool): Step =>
        (all) =>
          all.acquire(pool),
    ),
  },
  shape.map(
    (of): Step =>
      (all) =>
        all.make(of),
  ),
  {
    weight: 3,
    arbitrary: index.map(
      (at): Step =>
        (all) =>
          all.release(at),
    ),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(index, fc.nat({ max: 2 }), index, fc.nat({ max: 2 }))
      .map(([a, from, b, to]): Step => {
        return (all) => {
          const [source, target] = [all.pick(a), all.pick(b)];
          const [data, spare] = [source?.columns[from], target?.columns[to]];
          if (!source || !target || !data || !spare) return;
          const fit = data.length === spare.length && data.constructor === spare.constructor;
          if (fit) swapColumns(source, from, target, to);
          else expect(() => swapColumns(source, from, target, to)).toThrow('one type and one capacity');
        };
      }),
  },
  fc.tuple(index, index).map(([a, b]): Step => {
    return (all) => {
      const [source, target] = [all.pick(a), all.pick(b)];
      if (!source || !target || source === target || source.schema !== target.schema) return;
      packRows(source);
      packRows(target);
      source.length = Math.min(source.capacity, source.length + 1);
      appendRows(source, 0, Math.min(source.length, target.capacity - target.length), target);
    };
  }),
  fc.tuple(index, fc.uint8Array({ minLength: 8, maxLength: 8, max: 1 })).map(([at, keep]): Step => {
    return (all) => {
      const batch = all.pick(at);
      if (!batch) return;
      packRows(batch);
      batch.length = batch.capacity;
      selectRows(batch, keep);
    };
  }),
  fc.tuple(index, index).map(([a, b]): Step => {
    return (all) => {
      const [from, to] = [all.pick(a), all.pick(b)];
      if (!from || !to || from === to || from.capacity !== to.capacity) return;
      to.length = from.length;
      handSelection(from, to);
    };
  }),
);

describe('memory that batches of several pools hand to one another', () => {
  it('is seen by one of them at a time, by none that was released, and counted as it is held', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const batches = new Batches();
        for (const each of steps) {
          each(batches);
          batches.check();
        }
        while (batches.live.length > 0) batches.release(0);
        batches.dictionaries.memory.close();
        expect(batches.dictionaries.memory.current).toBe(0);
      }),
      { numRuns: 300 },
    );
  });
});
