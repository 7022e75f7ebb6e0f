import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { appendRows, Batch, releaseAll, swapColumns } from '../../src/columns/batch.js';
import { BatchPool } from '../../src/columns/batch-pool.js';
import { ColumnMemory } from '../../src/columns/column-memory.js';
import { DictionarySet } from '../../src/columns/dictionary.js';
import { gatherRows } from '../../src/columns/gather-rows.js';
import { ownColumns } from '../../src/columns/own-columns.js';
import { RowView } from '../../src/columns/row-view.js';
import { bytesPerRow, type Schema } from '../../src/columns/schema.js';
import { packRows, retainRows, selectionOf, selectRows } from '../../src/columns/selection.js';
import { shareBatch } from '../../src/columns/shared-batch.js';
import { turnOfTheLoop } from '../../src/core/clock.js';
import { nanos } from '../../src/core/units.js';
import { hashOf } from '../support/column-hash.js';

const SCHEMA: Schema = {
  kind: 'custom',
  columns: [
    { name: 'id', type: 'int64' },
    { name: 'price', type: 'float64' },
    { name: 'count', type: 'int32' },
    { name: 'live', type: 'boolean' },
  ],
};
const CAPACITY = 12;
const LIVE_MAX = 12;

/** Shares a batch, and releases only one of the shares; another has selected rows. */
function shareAndDrop(): DictionarySet {
  const dictionaries = new DictionarySet();
  const pool = new BatchPool(SCHEMA, 8, dictionaries);
  const [released, selected] = shareBatch(numbered(8, pool.acquire()), 3) as [Batch, Batch, Batch];
  selectRows(selected, Uint8Array.of(0, 1, 0, 1, 1, 1, 1, 1));
  released.release();
  return dictionaries;
}

/** Writes a number into a row of all columns. */
function writeRow(batch: Batch, at: number, value: number): void {
  batch.int32('id')[2 * at] = value;
  batch.int32('id')[2 * at + 1] = 0;
  batch.float64('price')[at] = value;
  batch.int32('count')[at] = value;
  batch.uint8('live')[at] = value & 1;
}

/** The numbers of the rows, which all columns must agree on. */
function valuesOf(batch: Batch): number[] {
  const places = Array.from(selectionOf(batch).subarray(0, batch.length));
  return places.map((place) => {
    const value = batch.int32('count')[place]!;
    expect(batch.float64('price')[place]).toBe(value);
    expect(batch.int32('id')[2 * place]).toBe(value);
    expect(batch.uint8('live')[place]).toBe(value & 1);
    return value;
  });
}

function numbered(length: number, batch: Batch): Batch {
  batch.length = length;
  for (let row = 0; row < length; row++) writeRow(batch, row, row);
  return batch;
}

const resetAt = (at: number) => ({ type: 'reset', at: nanos(BigInt(at)), reason: 'test' }) as const;

interface Live {
  readonly batch: Batch;
  /** What its rows and the places of its records must be. */
  values: number[];
  controls: number[];
}

/** Batches that share columns, and beside each what must be in it, whatever happens to the others. */
class Shares {
  readonly dictionaries = new DictionarySet();
  readonly pool = new BatchPool(SCHEMA, CAPACITY, this.dictionaries);
  readonly live: Live[] = [];
  #next = 1_000;

  add(isPooled: boolean, length: number): void {
    if (this.live.length >= LIVE_MAX) return;
    const batch = numbered(
      length,
      isPooled ? this.pool.acquire() : new Batch(SCHEMA, CAPACITY, this.dictionaries),
    );
    this.live.push({ batch, values: valuesOf(batch), controls: [] });
  }

  share({ batch, values, controls }: Live, count: number): void {
    if (this.live.length + count > LIVE_MAX) return;
    const others = this.live.filter((live) => live.batch !== batch);
    const shares = shareBatch(batch, count).map((share) => ({
      batch: share,
      values: [...values],
      controls: [...controls],
    }));
    expect(batch.isReleased).toBe(count > 1);
    this.live.splice(0, this.live.length, ...others, ...shares);
  }

  release(live: Live): void {
    this.live.splice(this.live.indexOf(live), 1);
    live.batch.release();
    expect(() => live.batch.columns).toThrow('not used after its release');
    expect(() => live.batch.isShared).toThrow('not used after its release');
    expect(() => live.batch.release()).toThrow('released once');
  }

  select(live: Live, keep: Uint8Array, isPacked: boolean): void {
    const { batch } = live;
    packRows(batch);
    if (isPacked) retainRows(batch, keep);
    else selectRows(batch, keep);
    live.controls = live.controls.map(
      (row) => row - keep.subarray(0, row).filter((mark) => mark === 0).length,
    );
    live.values = live.values.filter((_value, row) => keep[row] !== 0);
  }

  /** Writes into the columns in the way that all writers must. */
  write({ batch, values }: Live): void {
    ownColumns(batch);
    expect(batch.isShared).toBe(false);
    const places = Array.from(selectionOf(batch).subarray(0, batch.length));
    places.forEach((place, row) => {
      writeRow(batch, place, this.#next);
      values[row] = this.#next++;
    });
  }

  append({ batch, values }: Live, source: Live): void {
    if (source.batch.selection) return; // rows stand together to be appended
    ownColumns(batch);
    packRows(batch);
    const rows = Math.min(source.batch.length, batch.capacity - batch.length);
    appendRows(source.batch, 0, rows, batch);
    values.push(...source.values.slice(0, rows));
  }

  swap({ batch, values }: Live): void {
    ownColumns(batch);
    packRows(batch);
    const other = numbered(batch.length, this.pool.acquire());
    SCHEMA.columns.forEach((_column, i) => {
      swapColumns(batch, i, other, i);
    });
    expect(valuesOf(other)).toEqual(values);
    values.splice(0, values.length, ...Array.from(values.keys()));
    other.release();
  }

  control({ batch, controls }: Live): void {
    batch.controls.push({ row: batch.length, record: resetAt(batch.length) });
    controls.push(batch.length);
  }

  /** Every array that more than one batch has, by a hash of its bytes. */
  sharedArrays(): Map<unknown, string> {
    const shared = this.live.filter(({ batch }) => batch.isShared);
    return new Map(shared.flatMap(({ batch }) => batch.columns.map((data) => [data, hashOf([data])])));
  }

  check(before: ReadonlyMap<unknown, string>): void {
    const arrays = new Set<Batch['columns'][number]>();
    for (const { batch, values, controls } of this.live) {
      expect(valuesOf(batch)).toEqual(values);
      expect(batch.controls.map(({ row }) => row)).toEqual(controls);
      const others = this.live.filter(
        (live) => live.batch !== batch && live.batch.columns[0] === batch.columns[0],
      );
      expect(batch.isShared).toBe(others.length > 0);
      for (const data of batch.columns) {
        arrays.add(data);
        if (before.has(data)) expect(hashOf([data])).toBe(before.get(data));
      }
    }
    const selections = this.live.flatMap(({ batch }) => batch.selectionMemory ?? []);
    expect(new Set(selections).size).toBe(selections.length);

    this.pool.dropSpares();
    const columnBytes = Array.from(arrays).reduce((sum, { byteLength }) => sum + byteLength, 0);
    const selectionBytes = this.dictionaries.memory.current - columnBytes;
    // Those that released shares gave back are kept for the next ones.
    expect(selectionBytes).toBeGreaterThanOrEqual(selections.length * CAPACITY * 4);
    expect(selectionBytes).toBeLessThanOrEqual(LIVE_MAX * LIVE_MAX * CAPACITY * 4);
  }
}

type Step = (shares: Shares, pick: (at: number) => Live | undefined) => void;
const at = fc.nat({ max: 50 });
const on = (act: (shares: Shares, live: Live) => void): fc.Arbitrary<Step> =>
  at.map((index) => (shares, pick) => {
    const live = pick(index);
    if (live) act(shares, live);
  });

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.tuple(fc.boolean(), fc.nat({ max: CAPACITY })).map(([isPooled, length]): Step => {
    return (shares) => shares.add(isPooled, length);
  }),
  {
    weight: 3,
    arbitrary: fc.tuple(at, fc.integer({ min: 1, max: 4 })).map(([index, count]): Step => {
      return (shares, pick) => {
        const live = pick(index);
        if (live) shares.share(live, count);
      };
    }),
  },
  { weight: 3, arbitrary: on((shares, live) => shares.release(live)) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(at, fc.uint8Array({ minLength: CAPACITY, maxLength: CAPACITY, max: 1 }), fc.boolean())
      .map(([index, keep, isPacked]): Step => {
        return (shares, pick) => {
          const live = pick(index);
          if (live) shares.select(live, keep, isPacked);
        };
      }),
  },
  on((_shares, { batch }) => packRows(batch)),
  on((_shares, { batch }) => ownColumns(batch)),
  on((shares, live) => shares.write(live)),
  on((shares, live) => shares.swap(live)),
  on((shares, live) => shares.control(live)),
  fc.tuple(at, at).map(([a, b]): Step => {
    return (shares, pick) => {
      const [live, source] = [pick(a), pick(b)];
      if (live && source && live !== source) shares.append(live, source);
    };
  }),
);

describe('batches that share their columns', () => {
  it('never see what becomes of the others, and leave no memory behind, in whatever order they are released', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), at, (steps, order) => {
        const shares = new Shares();
        const pick = (index: number) => shares.live[index % Math.max(1, shares.live.length)];
        shares.add(true, CAPACITY - 2);
        for (const each of steps) {
          const before = shares.sharedArrays();
          each(shares, pick);
          shares.check(before);
        }
        while (shares.live.length > 0) shares.release(pick(order)!);
        expect(shares.pool.outstanding).toBe(0);
        shares.dictionaries.memory.close();
        expect(shares.dictionaries.memory.current).toBe(0);
      }),
      { numRuns: 200 },
    );
  });

  it('take no more memory than one batch', () => {
    const dictionaries = new DictionarySet();
    const shares = shareBatch(numbered(3, new Batch(SCHEMA, 8, dictionaries)), 64);
    expect(dictionaries.memory.current).toBe(8 * bytesPerRow(SCHEMA));
    releaseAll(shares.slice(1));
    expect(dictionaries.memory.current).toBe(8 * bytesPerRow(SCHEMA));
    shares[0]!.release();
    expect(dictionaries.memory.current).toBe(0);
  });

  it('give the memory back, too, when some are dropped without a release', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const { memory } = shareAndDrop();
    expect(memory.current).toBe(8 * bytesPerRow(SCHEMA) + 8 * 4);
    for (let i = 0; i < 100 && memory.current > 0; i++) {
      collect();
      await turnOfTheLoop();
    }
    expect(memory.current).toBe(0);
  });

  it('are packed first if rows are selected, and keep where these were read', () => {
    const batch = numbered(4, new Batch(SCHEMA, 4, new DictionarySet()));
    batch.origin = { at: (place) => ({ file: 'rows.csv', line: place }) };
    selectRows(batch, Uint8Array.of(0, 1, 0, 1));
    for (const share of shareBatch(batch, 2)) {
      expect(share.selection).toBe(undefined);
      expect(valuesOf(share)).toEqual([1, 3]);
      expect(share.origin!.at(1).line).toBe(3);
    }
  });

  it('name the rows that one of them selects by where they were read', () => {
    const batch = numbered(4, new Batch(SCHEMA, 4, new DictionarySet()));
    batch.origin = { at: (place) => ({ file: 'rows.csv', line: place }) };
    const [one, other] = shareBatch(batch, 2) as [Batch, Batch];
    retainRows(one, Uint8Array.of(0, 1, 0, 1));
    expect(one.origin!.at(0).line).toBe(1);
    expect(other.origin!.at(0).line).toBe(0);
  });

  it('are copied into memory of the pool that theirs is from, and it goes back there', () => {
    const pool = new BatchPool(SCHEMA, 4, new DictionarySet());
    const copied = pool.acquire();
    const memory = copied.columns[0];
    copied.release();
    const spared = pool.acquire();
    const batch = numbered(2, pool.acquire());
    spared.release();
    const [one, other] = shareBatch(batch, 2) as [Batch, Batch];
    ownColumns(one);
    expect(one.columns[0]).toBe(memory);
    releaseAll([one, other]);
    expect(pool.outstanding).toBe(0);
  });

  it('leave as many spares in the pool as there were copies at the same time', () => {
    const pool = new BatchPool(SCHEMA, 4, new DictionarySet());
    const copyAll = () => {
      const shares = shareBatch(numbered(2, pool.acquire()), 10);
      for (const share of shares) ownColumns(share);
      const arrays = shares.map(({ columns }) => columns[0]);
      releaseAll(shares);
      return new Set(arrays);
    };
    const first = copyAll();
    expect(first.size).toBe(10);
    expect(copyAll()).toEqual(first);
    pool.close();
    expect(Array.from(copyAll()).some((array) => first.has(array))).toBe(false);
  });

  it('have an owner again once only one is left, which then needs no copy', () => {
    const [one, other] = shareBatch(numbered(2, new Batch(SCHEMA, 2, new DictionarySet())), 2) as [
      Batch,
      Batch,
    ];
    const memory = one.columns[0];
    other.release();
    ownColumns(one);
    expect(one.columns[0]).toBe(memory);
  });

  it('are unchanged if there is no memory for a copy', () => {
    const memory = new ColumnMemory(8 * bytesPerRow(SCHEMA));
    const batch = numbered(3, new Batch(SCHEMA, 8, new DictionarySet(memory)));
    const [one, other] = shareBatch(batch, 2) as [Batch, Batch];
    expect(() => ownColumns(one)).toThrow('maxMemoryMb');
    expect(one.isShared).toBe(true);
    expect(valuesOf(one)).toEqual([0, 1, 2]);
    releaseAll([one, other]);
    expect(memory.current).toBe(0);
  });

  it('fail whoever kept a list of columns or a row of a batch that was shared or released', () => {
    const batch = numbered(2, new Batch(SCHEMA, 2, new DictionarySet()));
    const row = new RowView(SCHEMA).over(batch).at(0);
    const { columns } = batch;
    const [one, other] = shareBatch(batch, 2) as [Batch, Batch];
    expect(() => batch.columns).toThrow('not used after its release');
    expect(() => columns[1]![0]).toThrow('not used after its release');
    expect(() => row.price).toThrow('not used after its release');

    const kept = one.columns;
    one.release();
    expect(() => kept[1]![0]).toThrow('not used after its release');
    expect(valuesOf(other)).toEqual([0, 1]);
  });

  it.each<[string, (shared: Batch, other: Batch) => void]>([
    ['swapColumns from it', (shared, other) => swapColumns(shared, 1, other, 1)],
    ['swapColumns to it', (shared, other) => swapColumns(other, 1, shared, 1)],
    ['appendRows to it', (shared, other) => appendRows(other, 0, 1, shared)],
    ['gatherRows to it', (shared, other) => gatherRows(other, Int32Array.of(0), 1, shared)],
  ])('refuse %s', (_what, write) => {
    const dictionaries = new DictionarySet();
    const [shared] = shareBatch(numbered(2, new Batch(SCHEMA, 4, dictionaries)), 2) as [Batch, Batch];
    const before = hashOf(shared.columns);
    const other = numbered(2, new Batch(SCHEMA, 4, dictionaries));
    expect(() => write(shared, other)).toThrow('not shared');
    expect(hashOf(shared.columns)).toBe(before);
  });
});
