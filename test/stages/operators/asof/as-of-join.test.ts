import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Batch } from '../../../../src/columns/batch.js';
import { DictionarySet } from '../../../../src/columns/dictionary.js';
import type { EventOrder } from '../../../../src/columns/event-order.js';
import { readInt64, writeInt64 } from '../../../../src/columns/int64.js';
import { type Column, findColumn, type Schema } from '../../../../src/columns/schema.js';
import { AsOfJoin } from '../../../../src/stages/operators/asof/as-of-join.js';
import { InOrderJoin } from '../../../../src/stages/operators/asof/in-order-join.js';
import type { AsOfLateness, Join } from '../../../../src/stages/operators/asof/join.js';
import type { Direction } from '../../../../src/stages/operators/asof/row-search.js';

/** Some time in 2024, at which the low word of an instant wraps soon. */
const BASE = 0x17c1_0000_ffff_ff00n;
const time: Column = { name: 'time', type: 'timestamp' };
const symbol: Column = { name: 'symbol', type: 'string' };
const VALUES: Column[] = [
  { name: 'value', type: 'float64' },
  { name: 'count', type: 'int32' },
  { name: 'at', type: 'int64' },
  { name: 'flag', type: 'boolean' },
];
const SIDE: Schema = { kind: 'custom', columns: [time, symbol, ...VALUES] };
const SEQUENCES = ['int64', 'int32', 'float64'] as const;
type SequenceType = (typeof SEQUENCES)[number];
const sequenced = (type: SequenceType): Schema => ({
  kind: 'custom',
  columns: [...SIDE.columns, { name: 'sequence', type }],
});
const MAIN: Schema = { kind: 'custom', columns: [time, symbol, ...VALUES, { name: 'age', type: 'float64' }] };
const taken = VALUES.map((column, i) => ({ column, at: 2 + i }));

interface Row {
  readonly at: number;
  /** −1: none. */
  readonly symbol: number;
  readonly sequence: number;
}

const IN_ORDER: EventOrder = { scope: 'all', maxDelayNs: 0 };

interface Case {
  readonly main: readonly Row[];
  readonly side: readonly Row[];
  readonly mainOrder: EventOrder;
  readonly sideOrder: EventOrder;
  readonly direction: Direction;
  readonly tolerance: number | undefined;
  readonly batchRows: number;
  /** `undefined`: rows of one instant go by arrival. */
  readonly sequence: SequenceType | undefined;
}

/** Makes rows keep what an order promises, and no more: their times are shuffled within the delay. */
function arranged(rows: readonly Row[], { scope, maxDelayNs }: EventOrder): Row[] {
  const sorted = [...rows].sort((a, b) => a.at - b.at);
  if (scope === 'symbol') {
    // Each symbol is in order, and they take turns as the rows were drawn.
    const turns = rows.map((row) => row.symbol);
    const queues = new Map([...new Set(turns)].map((of) => [of, sorted.filter((row) => row.symbol === of)]));
    return turns.map((of) => queues.get(of)!.shift()!);
  }
  if (maxDelayNs === 0) return sorted;
  const swapped = [...sorted];
  for (let i = 0; i + 1 < swapped.length; i += 2) {
    if (swapped[i + 1]!.at - swapped[i]!.at <= maxDelayNs) {
      [swapped[i], swapped[i + 1]] = [swapped[i + 1]!, swapped[i]!];
    }
  }
  return swapped;
}

/** The place in `side` of the row that a row is to be joined with; −1: none. Reads all of it for each row. */
function expected(row: Row, side: readonly Row[], { direction, tolerance, sequence }: Case): number {
  if (row.symbol < 0) return -1;
  let best = -1;
  const isLater = (a: number, b: number): boolean => {
    const [x, y] = [side[a]!, side[b]!];
    if (x.at !== y.at) return x.at > y.at;
    return sequence && x.sequence !== y.sequence ? x.sequence > y.sequence : a > b;
  };
  const distance = (i: number): number => Math.abs(side[i]!.at - row.at);
  for (const [i, { at, symbol: of }] of side.entries()) {
    if (of !== row.symbol) continue;
    if (direction === 'backward' && at > row.at) continue;
    if (direction === 'forward' && at < row.at) continue;
    if (best < 0) {
      best = i;
      continue;
    }
    const isBefore = at <= row.at;
    const bestIsBefore = side[best]!.at <= row.at;
    let isBetter: boolean;
    if (distance(i) !== distance(best)) isBetter = distance(i) < distance(best);
    else if (isBefore !== bestIsBefore) isBetter = isBefore;
    else isBetter = isBefore && direction !== 'forward' ? isLater(i, best) : !isLater(i, best);
    if (isBetter) best = i;
  }
  return best >= 0 && tolerance !== undefined && distance(best) > tolerance ? -1 : best;
}

const order = fc.oneof(
  fc.constant(IN_ORDER),
  fc.record({ scope: fc.constant('all' as const), maxDelayNs: fc.integer({ min: 1, max: 9 }) }),
  fc.constant({ scope: 'symbol' as const, maxDelayNs: 0 }),
);
const row = fc.record({
  at: fc.integer({ min: 0, max: 80 }),
  symbol: fc.integer({ min: -1, max: 3 }),
  sequence: fc.integer({ min: -2, max: 2 }),
});
const cases = fc.record({
  main: fc.array(row, { maxLength: 40 }),
  side: fc.array(row, { maxLength: 60 }),
  mainOrder: order,
  sideOrder: order,
  direction: fc.constantFrom<Direction>('backward', 'forward', 'nearest'),
  tolerance: fc.option(fc.integer({ min: 0, max: 20 }), { nil: undefined }),
  batchRows: fc.constantFrom(1, 3, 7, 64),
  sequence: fc.option(fc.constantFrom(...SEQUENCES), { nil: undefined }),
});

const NEVER_LATE: AsOfLateness = {
  sideRow: () => expect.fail('no row of the second source is late'),
  mainRow: () => expect.fail('no row is late'),
};

const lagAt = (rowsMax: number) => ({
  id: 'operators[0]',
  side: 'Source "side"',
  rowsMax,
  isSideLive: false,
  isRetryable: false,
});

function joinOf(of: Case, dictionaries: DictionarySet, late = NEVER_LATE): Join {
  const columns = {
    main: { time: 0, symbol: 1 },
    side: { time: 0, symbol: 1, sequence: of.sequence ? 6 : -1 },
    taken,
  };
  const { memory } = dictionaries;
  const { direction, tolerance, mainOrder, sideOrder } = of;
  if (isSimple(of)) {
    const toleranceNs = tolerance ?? Number.POSITIVE_INFINITY;
    return new InOrderJoin({ ...columns, toleranceNs, memory, dictionaries }, late);
  }
  const toleranceNs = tolerance === undefined ? undefined : BigInt(tolerance);
  const settings = { ...columns, direction, toleranceNs, mainOrder, sideOrder };
  return new AsOfJoin({ ...settings, lag: lagAt(1_000_000), memory, dictionaries }, late);
}

const isSimple = ({ direction, mainOrder, sideOrder, sequence }: Case): boolean =>
  direction === 'backward' && mainOrder === IN_ORDER && sideOrder === IN_ORDER && !sequence;

function batchesOf(
  schema: Schema,
  rows: readonly Row[],
  first: number,
  size: number,
  dictionaries: DictionarySet,
): Batch[] {
  const batches: Batch[] = [];
  for (let start = 0; start < rows.length; start += size) {
    const part = rows.slice(start, start + size);
    const batch = new Batch(schema, size, dictionaries);
    batch.length = part.length;
    part.forEach(({ at, symbol: of, sequence }, i) => {
      writeInt64(batch.int32('time'), i, BASE + BigInt(at));
      batch.int32('symbol')[i] = of;
      batch.float64('value')[i] = first + start + i;
      batch.int32('count')[i] = first + start + i;
      writeInt64(batch.int32('at'), i, BASE + BigInt(at));
      batch.uint8('flag')[i] = (first + start + i) % 2;
      const type = findColumn(schema, 'sequence')?.type;
      if (type === 'int64') writeInt64(batch.int32('sequence'), i, BigInt(sequence));
      else if (type) batch.column('sequence')[i] = sequence;
    });
    batches.push(batch);
  }
  return batches;
}

/** What each row of the main input was joined with, as places in the side input, and the age of that. */
interface Joined {
  readonly place: number;
  readonly age: number;
}

/** @param restartAt - Batch of the main input before which the join is made anew from its state. */
function run(of: Case, restartAt = -1): Joined[] {
  const dictionaries = new DictionarySet();
  for (const name of ['A', 'B', 'C', 'D']) dictionaries.get('symbol').idOf(name);
  const schema = of.sequence ? sequenced(of.sequence) : SIDE;
  const main = batchesOf(MAIN, arranged(of.main, of.mainOrder), 0, of.batchRows, dictionaries);
  const side = batchesOf(schema, arranged(of.side, of.sideOrder), 0, 5, dictionaries);
  let join = joinOf(of, dictionaries);
  const joined: Joined[] = [];
  for (const [i, batch] of main.entries()) {
    if (i === restartAt) {
      const state = JSON.parse(JSON.stringify(join.snapshot()));
      join.close();
      join = joinOf(of, dictionaries);
      join.restore(state, schema);
    }
    const target = VALUES.map(({ name }) => batch.column(name));
    join.begin(batch, target, batch.float64('age'));
    while (!join.advance()) {
      const next = side.shift();
      if (next) join.give(next);
      else join.endSide();
    }
    const keep = new Uint8Array(batch.length);
    join.markMatched(keep);
    for (let at = 0; at < batch.length; at++) {
      const place = keep[at] === 1 ? batch.float64('value')[at]! : -1;
      joined.push({ place, age: batch.float64('age')[at]! });
      if (place < 0) expect(batch.float64('value')[at]).toBeNaN();
      else {
        expect(batch.int32('count')[at]).toBe(place);
        expect(batch.uint8('flag')[at]).toBe(place % 2);
        const at64 = readInt64(batch.int32('at'), at);
        expect(batch.float64('age')[at]).toBe(Number(readInt64(batch.int32('time'), at) - at64));
      }
    }
    batch.release();
  }
  join.close();
  for (const batch of side) batch.release();
  expect(dictionaries.memory.current).toBe(0);
  return joined;
}

/** Both inputs in order of time, backward: the join that looks for no row. */
const simpleCases = cases.map((of) => ({
  ...of,
  mainOrder: IN_ORDER,
  sideOrder: IN_ORDER,
  direction: 'backward' as const,
  sequence: undefined,
}));

describe('an as-of join of rows with a sequence', () => {
  it.each(['forward', 'nearest'] as const)(
    '%s, waits for a lesser sequence of the same instant',
    (direction) => {
      const side = [1, 0].map((sequence) => ({ at: 12, symbol: 1, sequence }));
      const joined = run({
        main: [{ at: 0, symbol: 1, sequence: 0 }],
        side,
        mainOrder: IN_ORDER,
        sideOrder: IN_ORDER,
        direction,
        tolerance: undefined,
        batchRows: 1,
        sequence: 'int64',
      });
      expect(joined.map(({ place }) => place)).toEqual([1]);
    },
  );
});

describe.each([
  ['an as-of join', cases],
  ['an as-of join of inputs in order', simpleCases],
])('%s', (_what, drawn) => {
  it('finds the row that a look at all rows finds, in every direction, order and size of batch', () => {
    fc.assert(
      fc.property(drawn, (of) => {
        const side = arranged(of.side, of.sideOrder);
        const places = arranged(of.main, of.mainOrder).map((each) => expected(each, side, of));
        expect(run(of).map(({ place }) => place)).toEqual(places);
      }),
      { numRuns: 1_000 },
    );
  });

  it('goes on from its state as if nothing had been', () => {
    fc.assert(
      fc.property(drawn, fc.nat(12), (of, restartAt) => {
        expect(run(of, restartAt)).toEqual(run(of));
      }),
      { numRuns: 400 },
    );
  });
});

describe('a row that comes too late', () => {
  const rows = (...times: readonly number[]): Row[] => times.map((at) => ({ at, symbol: 0, sequence: 0 }));
  const case_ = (
    main: Row[],
    side: Row[],
    direction: Direction = 'backward',
    sideOrder = IN_ORDER,
  ): Case => ({
    main,
    side,
    mainOrder: IN_ORDER,
    sideOrder,
    direction,
    tolerance: undefined,
    batchRows: 1,
    sequence: undefined,
  });
  /** Runs rows as they come, whatever their order promises. */
  function told(of: Case): { joined: number[]; side: number[]; main: number[] } {
    const dictionaries = new DictionarySet();
    dictionaries.get('symbol').idOf('A');
    const late = { side: [] as number[], main: [] as number[] };
    const at = (batch: Batch, row: number) => Number(readInt64(batch.int32('time'), row) - BASE);
    const join = joinOf(of, dictionaries, {
      sideRow: (batch, row) => late.side.push(at(batch, row)),
      mainRow: (batch, row) => late.main.push(at(batch, row)),
    });
    const side = batchesOf(SIDE, of.side, 0, 1, dictionaries);
    const joined: number[] = [];
    for (const batch of batchesOf(MAIN, of.main, 0, 1, dictionaries)) {
      join.begin(
        batch,
        VALUES.map(({ name }) => batch.column(name)),
        batch.float64('age'),
      );
      while (!join.advance()) {
        const next = side.shift();
        if (next) join.give(next);
        else join.endSide();
      }
      joined.push(batch.float64('value')[0]!);
    }
    join.close();
    return { joined, ...late };
  }

  it.each([
    ['in order', IN_ORDER],
    ['within a delay', { scope: 'all' as const, maxDelayNs: 1 }],
  ])(
    'in the second source is told if rows were answered without it, and else taken: %s',
    (_order, sideOrder) => {
      // 10 is joined with 5; 7 comes after that. 30 comes before anything needs it.
      const of = case_(rows(10, 40), rows(5, 20, 7, 35, 30, 50), 'backward', sideOrder);
      expect(told(of)).toEqual({ joined: [0, 3], side: [7], main: [] });
    },
  );

  it.each<Direction>(['backward', 'forward', 'nearest'])(
    'in the input is told if what it would be joined with is gone: %s',
    (direction) => {
      const of = case_(rows(30, 12, 60), rows(10, 20, 31, 61, 70), direction);
      expect(told(of).main).toEqual([12]);
    },
  );
});

describe('rows of the second source that are kept', () => {
  it('are one a symbol where both inputs are in order, however many are read', () => {
    const dictionaries = new DictionarySet();
    dictionaries.get('symbol').idOf('A');
    const rows = (count: number, every: number): Row[] =>
      Array.from({ length: count }, (_, i) => ({ at: i * every, symbol: 0, sequence: 0 }));
    const of: Case = {
      main: rows(3, 100_000),
      side: rows(200_000, 1),
      mainOrder: IN_ORDER,
      sideOrder: IN_ORDER,
      direction: 'nearest',
      tolerance: undefined,
      batchRows: 1,
      sequence: undefined,
    };
    const join = joinOf(of, dictionaries) as AsOfJoin;
    const side = batchesOf(SIDE, of.side, 0, 8_192, dictionaries);
    let most = 0;
    for (const batch of batchesOf(MAIN, of.main, 0, 1, dictionaries)) {
      join.begin(
        batch,
        VALUES.map(({ name }) => batch.column(name)),
        batch.float64('age'),
      );
      while (!join.advance()) {
        most = Math.max(most, join.rowsKept);
        const next = side.shift();
        if (next) join.give(next);
        else join.endSide();
      }
    }
    join.close();
    expect(most).toBeLessThan(70_000); // what is read between two looks at what can go
  });

  it('are an error where there may be no more of them', () => {
    const dictionaries = new DictionarySet();
    const { memory } = dictionaries;
    const join = new AsOfJoin(
      {
        main: { time: 0, symbol: 1 },
        side: { time: 0, symbol: 1, sequence: -1 },
        taken,
        direction: 'forward',
        toleranceNs: undefined,
        mainOrder: IN_ORDER,
        sideOrder: { scope: 'symbol', maxDelayNs: 0 },
        lag: lagAt(10),
        memory,
        dictionaries,
      },
      NEVER_LATE,
    );
    for (const name of ['A', 'B']) dictionaries.get('symbol').idOf(name);
    const [main] = batchesOf(MAIN, [{ at: 1, symbol: 0, sequence: 0 }], 0, 1, dictionaries);
    const others = Array.from({ length: 20 }, (_, i) => ({ at: i, symbol: 1, sequence: 0 }));
    const [side] = batchesOf(SIDE, others, 0, 20, dictionaries);
    join.begin(
      main!,
      VALUES.map(({ name }) => main!.column(name)),
      main!.float64('age'),
    );
    join.give(side!);
    expect(() => join.advance()).toThrow(expect.objectContaining({ code: 'INPUT_LAGS' }));
    join.close();
  });

  it.each([true, false])('accounts for what it keeps by symbol, where all is in order: %s', (isInOrder) => {
    const symbols = 10_000;
    const bytesOf = (ids: number): number => {
      const dictionaries = new DictionarySet();
      const of: Case = {
        main: [],
        side: [],
        mainOrder: IN_ORDER,
        sideOrder: isInOrder ? IN_ORDER : { scope: 'symbol', maxDelayNs: 0 },
        direction: 'backward',
        tolerance: undefined,
        batchRows: 1,
        sequence: undefined,
      };
      const join = joinOf(of, dictionaries);
      for (let id = 0; id < ids; id++) dictionaries.get('symbol').idOf(`${id}`);
      const rows = Array.from({ length: ids }, (_, id) => ({ at: 1, symbol: id, sequence: 0 }));
      const [main] = batchesOf(MAIN, rows, 0, ids, dictionaries);
      const [side] = batchesOf(SIDE, rows, 0, ids, dictionaries);
      join.begin(
        main!,
        VALUES.map(({ name }) => main!.column(name)),
        main!.float64('age'),
      );
      join.give(side!);
      join.advance();
      join.endSide();
      join.advance();
      main!.release();
      const { asof = 0 } = dictionaries.memory.holders;
      join.close();
      expect(dictionaries.memory.holders.asof).toBeUndefined();
      return asof;
    };
    // A last row with its time, and where all is not in order, three instants and the ends of a list.
    const perSymbol = isInOrder ? 4 + 8 + 4 + 21 : 28 + 21 + 13 + 3 * 16;
    expect(bytesOf(symbols) - bytesOf(1)).toBeGreaterThanOrEqual(perSymbol * (symbols - 1_024));
  });
});
