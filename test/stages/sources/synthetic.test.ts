import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import type { Batch } from '../../../src/columns/batch.js';
import type { ControlRecord } from '../../../src/columns/control-record.js';
import type { Row } from '../../../src/columns/row-view.js';
import { SyntheticOptions } from '../../../src/stages/sources/synthetic/options.js';
import { syntheticSource } from '../../../src/stages/sources/synthetic/synthetic.js';
import { rowsIn, streamOf } from '../../support/batch-rows.js';
import { SimulatedClock } from '../../support/simulated-clock.js';
import { collectProblems, stageContext } from '../../support/stage-context.js';

type Options = z.input<typeof SyntheticOptions>;

function open(options: Options, context = stageContext()) {
  const source = syntheticSource.create(SyntheticOptions.parse(options), context);
  source.open?.();
  return source;
}

/** All that a source gives that never waits. */
function readAll(source: ReturnType<typeof open>, into: Batch[] = []): (Row | ControlRecord)[] {
  for (;;) {
    const batch = source.read() as Batch | null;
    if (!batch) return streamOf(into);
    into.push(batch);
  }
}

const stream = (options: Options, batchRows = 64) => readAll(open(options, stageContext({ batchRows })));
const rows = (options: Options) => stream(options).filter((item): item is Row => !('type' in item));
const times = (options: Options) => rows(options).map(({ time }) => time as bigint);
const digest = (options: Options): string => {
  const text = JSON.stringify(stream(options), (_, value) =>
    typeof value === 'bigint' ? String(value) : value,
  );
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
};

const START = 1_704_153_600_000_000_000n;

const FACTS = { hasDeadLetters: false, inputs: {} };

describe('the synthetic source', () => {
  // Made once on x86-64 Linux: another machine, engine or release must give the same.
  it.each<[string, Options]>([
    ['58adf5094c8b3d79', { seed: 7, rows: 1_000 }],
    ['a63e1b7a3c85741b', { seed: 7, rows: 1_000, kind: 'trade', tickSize: 0.25, price: 4_000 }],
    ['8109474db3365d48', { seed: 7, rows: 1_000, kind: 'book', interval: '7us', jitter: '5us' }],
  ])('gives the rows of digest %s for one seed, on every machine', (expected, options) => {
    expect(digest(options)).toBe(expected);
  });

  it('gives other rows for another seed, and takes that of the spec when it has none', () => {
    expect(digest({ seed: 1, rows: 10 })).not.toBe(digest({ seed: 2, rows: 10 }));
    const ofSpec = readAll(open({ rows: 10 }, stageContext({ seed: 5 })));
    expect(ofSpec).toEqual(stream({ rows: 10, seed: 5 }));
  });

  it.each([0.01, 0.25, 0.05, 0.00001, 5, 0.025])(
    'gives prices that are multiples of a tick of %d',
    (tickSize) => {
      const decimals = Math.max(0, (String(tickSize).split('.')[1] ?? String(1e5).slice(1)).length);
      const quotes = rows({
        rows: 500,
        tickSize,
        price: tickSize * 10_000,
        spread: 3,
        volatility: 5,
        symbols: 2,
      });
      for (const { bid, ask } of quotes as { bid: number; ask: number }[]) {
        // The double nearest to the decimal text, which is what any parser would have read.
        expect(bid).toBe(Number(bid.toFixed(decimals)));
        expect(Math.round(ask / tickSize) - Math.round(bid / tickSize)).toBe(3);
        expect(Math.abs(Math.round(bid / tickSize) - bid / tickSize)).toBeLessThan(1e-9);
      }
    },
  );

  it('keeps prices at one tick or above, however wild the walk', () => {
    const quotes = rows({ rows: 20_000, price: 1, tickSize: 1, spread: 0, volatility: 50, symbols: 1 });
    const bids = quotes.map(({ bid }) => bid as number);
    expect(Math.min(...bids)).toBeGreaterThanOrEqual(1);
    expect(new Set(bids).size).toBeGreaterThan(100);
  });

  it('spreads rows over all symbols, sizes over their range, and sides over both', () => {
    const trades = rows({ kind: 'trade', rows: 20_000, symbols: 100, sizeMin: 3, sizeMax: 12 });
    const symbols = new Set(trades.map(({ symbol }) => symbol));
    expect(symbols.size).toBe(100);
    expect(symbols).toContain('SYM000');
    expect(symbols).toContain('SYM099');
    const sizes = new Set(trades.map(({ size }) => size as number));
    expect([...sizes].sort((a, b) => a - b)).toEqual([3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    const buys = trades.filter(({ side }) => side === 'buy').length;
    expect(buys).toBeGreaterThan(9_000);
    expect(buys).toBeLessThan(11_000);
  });

  it.each(['quote', 'trade', 'book'] as const)('fills every column that the plan of a %s names', (kind) => {
    const problems = collectProblems();
    const schema = syntheticSource.plan(SyntheticOptions.parse({ kind }), problems, FACTS);
    expect(problems.found).toEqual([]);
    const [row] = rows({ kind, rows: 1, symbols: ['EUR/USD'] });
    expect(Object.keys(row!)).toEqual(schema.columns.map(({ name }) => name));
    expect(Object.values(row!)).not.toContain(null);
    expect(row).toMatchObject({ time: START, symbol: 'EUR/USD' });
  });

  it('steps event time by the interval exactly, beyond 32 bits and before 1970', () => {
    const steps = times({ rows: 5, interval: '1h', start: '1969-12-31T22:00:00Z' });
    expect(steps).toEqual([-2n, -1n, 0n, 1n, 2n].map((hours) => hours * 3_600_000_000_000n));
    expect(times({ rows: 3, interval: '5s', start: '2024-01-02T01:00:00.250+01:00' })).toEqual(
      [0n, 5n, 10n].map((seconds) => START + 250_000_000n + seconds * 1_000_000_000n),
    );
  });

  it('varies the step within the jitter, and never goes back', () => {
    const at = times({ rows: 5_000, interval: '1ms', jitter: '1ms' });
    const steps = at.slice(1).map((time, i) => Number(time - at[i]!));
    expect(Math.min(...steps)).toBeGreaterThanOrEqual(0);
    expect(Math.min(...steps)).toBeLessThan(10_000);
    expect(Math.max(...steps)).toBeLessThanOrEqual(2_000_000);
    expect(Math.max(...steps)).toBeGreaterThan(1_990_000);
  });

  it('is bounded with a number of rows, and endless without', () => {
    expect(rows({ rows: 130 })).toHaveLength(130);
    expect(open({ rows: 130 }).capabilities).toEqual({ delivery: 'replayable', bounded: true });
    const endless = open({});
    expect(endless.capabilities.bounded).toBe(false);
    expect((endless.read() as Batch).length).toBe(64);
  });

  it('gives nothing after it was stopped', () => {
    const source = open({});
    source.stop();
    expect(source.read()).toBeNull();
  });

  it.each<[Options, string]>([
    [{ jitter: '2ms' }, 'jitter: expected at most the interval'],
    [{ sizeMin: 5, sizeMax: 4 }, 'sizeMax: expected 5 to 65540'],
    [{ sizeMax: 70_000 }, 'sizeMax: expected 1 to 65536'],
    [{ price: 0.01, spread: 10 }, 'price: expected at least 6 ticks of 0.01'],
    [{ price: 1_000_000, tickSize: 1e-9 }, 'tickSize: expected a size of which 1000000 is at most'],
    [{ symbols: ['A', 'A'] }, 'symbols: expected each symbol once'],
    [
      { faults: { disorderEvery: 3, disorderBy: 3 } },
      'faults.disorderBy: expected less than disorderEvery, 3',
    ],
  ])('refuses %j', (options, message) => {
    const problems = collectProblems();
    syntheticSource.plan(SyntheticOptions.parse(options), problems, FACTS);
    expect(problems.found).toHaveLength(1);
    expect(problems.found[0]).toContain(message);
  });

  it.each([
    [{ seed: -1 }, 'seed'],
    [{ kind: 'bar' }, 'kind'],
    [{ symbols: 0 }, 'symbols'],
    [{ symbols: [''] }, 'symbols.0'],
    [{ start: '2024-01-02' }, 'start'],
    [{ start: '2024-01-02T00:00:00.0001Z' }, 'start'],
    [{ interval: 5 }, 'interval'],
    [{ rate: 0 }, 'rate'],
    [{ rate: 'fast' }, 'rate'],
    [{ faults: { gapEvery: 0 } }, 'faults.gapEvery'],
  ])('says what was expected of %j', (options, path) => {
    const result = SyntheticOptions.safeParse(options);
    expect(result.error?.issues[0]?.path.join('.')).toBe(path);
    expect(result.error?.issues[0]?.message).toMatch(/^expected /);
  });
});

describe('a fault on demand', () => {
  const plain = rows({ rows: 40 });

  it('is a gap: rows are missing in event time, and a record says from when to when', () => {
    const items = stream({ rows: 40, faults: { gapEvery: 15, gapLength: 4 } });
    expect(items.filter((item) => 'type' in item)).toEqual([
      { type: 'gap', from: START + 15_000_000n, to: START + 19_000_000n, reason: 'synthetic' },
      { type: 'gap', from: START + 34_000_000n, to: START + 38_000_000n, reason: 'synthetic' },
    ]);
    expect('type' in items[15]!).toBe(true);
    expect(items[16]).toEqual({ ...plain[15], time: START + 19_000_000n });
    expect(stream({ rows: 40, faults: { gapEvery: 15, gapAnnounced: false } })).toHaveLength(40);
  });

  it('is a duplicate: every so many rows, one comes twice', () => {
    const doubled = rows({ rows: 40, faults: { duplicateEvery: 10 } });
    expect(doubled).toHaveLength(44);
    expect(doubled.filter((row, i) => i === 0 || row.time !== doubled[i - 1]!.time)).toEqual(plain);
    expect(doubled[9]).toEqual(doubled[10]);
  });

  it('is disorder: neighbours are swapped, or one row is late by several', () => {
    const swapped = rows({ rows: 40, faults: { disorderEvery: 10 } });
    expect(swapped.slice(8, 10)).toEqual([plain[9], plain[8]]);
    const late = rows({ rows: 40, faults: { disorderEvery: 10, disorderBy: 4 } });
    expect(late.slice(5, 10)).toEqual([plain[6], plain[7], plain[8], plain[9], plain[5]]);
    expect(late.toSorted((a, b) => Number((a.time as bigint) - (b.time as bigint)))).toEqual(plain);
  });

  it('is disorder that still delivers the row which the end of the data overtakes', () => {
    const late = rows({ rows: 8, faults: { disorderEvery: 10, disorderBy: 4 } });
    expect(late).toEqual([...plain.slice(0, 5), plain[6], plain[7], plain[5]]);
  });

  it('is silence: event time jumps', () => {
    const at = times({ rows: 25, faults: { silenceEvery: 10, silenceFor: '1s' } });
    expect(at[10]! - at[9]!).toBe(1_001_000_000n);
    expect(at[20]! - at[19]!).toBe(1_001_000_000n);
    expect(at[24]! - at[23]!).toBe(1_000_000n);
  });

  it('is an error at a row, after all rows before it were delivered', () => {
    const source = open({ faults: { errorAtRow: 71 } });
    expect((source.read() as Batch).length + (source.read() as Batch).length).toBe(70);
    expect(() => source.read()).toThrow(
      expect.objectContaining({
        code: 'SOURCE_FAILED',
        retryable: true,
        message: expect.stringContaining('row 71'),
      }),
    );
  });
});

const anyOptions: fc.Arbitrary<Options> = fc.record({
  seed: fc.nat(),
  kind: fc.constantFrom('quote', 'trade', 'book'),
  symbols: fc.integer({ min: 1, max: 5 }),
  jitter: fc.constantFrom('0ns', '900us'),
  rows: fc.integer({ min: 1, max: 120 }),
  faults: fc.record({
    gapEvery: fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined }),
    duplicateEvery: fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined }),
    disorderEvery: fc.option(fc.integer({ min: 5, max: 20 }), { nil: undefined }),
    disorderBy: fc.integer({ min: 1, max: 4 }),
    silenceEvery: fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined }),
  }),
});

describe('the stream of a synthetic source', () => {
  it('does not depend on the room that batches have', () => {
    fc.assert(
      fc.property(anyOptions, fc.integer({ min: 1, max: 50 }), (options, batchRows) => {
        expect(stream(options, batchRows)).toEqual(stream(options, 1_000));
      }),
      { numRuns: 60, seed: 1 },
    );
  });

  it('goes on from a position, through JSON, as if it had never stopped', () => {
    fc.assert(
      fc.property(anyOptions, fc.integer({ min: 1, max: 50 }), fc.nat(8), (options, batchRows, reads) => {
        const context = stageContext({ batchRows });
        const first = open(options, context);
        const before: Batch[] = [];
        for (let i = 0; i < reads; i++) {
          const batch = first.read() as Batch | null;
          if (batch) before.push(batch);
        }
        const position = JSON.parse(JSON.stringify(first.position()));
        const second = open(options, context);
        void second.resume(position);
        expect(readAll(second, before)).toEqual(stream(options, 1_000));
      }),
      { numRuns: 60, seed: 2 },
    );
  });

  it('refuses a position of other options', () => {
    const position = open({ symbols: 3 }).position();
    expect(() => open({ symbols: 4 }).resume(position)).toThrow(
      expect.objectContaining({ code: 'CHECKPOINT_INVALID' }),
    );
    expect(() => open({}).resume(null)).toThrow(expect.objectContaining({ code: 'CHECKPOINT_INVALID' }));
  });
});

describe('the origin of a synthetic row', () => {
  it('is its ordinal, that of copies and of late rows too, wherever a batch ends', () => {
    const faults = { duplicateEvery: 3, disorderEvery: 7, disorderBy: 4, gapEvery: 5 };
    for (const batchRows of [4, 16, 1_000]) {
      const options = { rows: 900, faults };
      const ordinalOf = new Map(
        rows({ rows: 900, faults: { gapEvery: 5 } }).map(({ time }, i) => [time, i + 1]),
      );
      const source = open(options, stageContext({ batchRows }));
      let resumed: ReturnType<typeof open> | undefined;
      let seen = 0;
      for (let from = source; ; ) {
        const batch = from.read() as Batch | null;
        if (!batch) break;
        const times = rowsIn(batch).map(({ time }) => time);
        const spots = times.map((_, place) => batch.origin?.at(place));
        expect(spots).toEqual(times.map((time) => ({ file: 'synthetic', line: ordinalOf.get(time!) })));
        seen += batch.length;
        batch.release();
        if (seen > 450 && !resumed) {
          resumed = open(options, stageContext({ batchRows }));
          resumed.resume(from.position());
          from = resumed;
        }
      }
      expect(seen).toBe(1_200);
    }
  });
});

describe('a synthetic source with a rate', () => {
  /** Reads until it ends, noting when each batch came. */
  function startReading(options: Options, clock: SimulatedClock) {
    const source = open(options, stageContext({ clock }));
    const seen: { atMs: number; rows: number }[] = [];
    const stream: Row[] = [];
    const done = (async () => {
      for (let batch = await source.read(); batch; batch = await source.read()) {
        seen.push({ atMs: Number(clock.now()) / 1e6, rows: batch.length });
        stream.push(...(streamOf([batch]) as Row[]));
      }
    })();
    return { source, seen, stream, done, total: () => seen.reduce((sum, { rows }) => sum + rows, 0) };
  }

  it('gives each row when it is due, the first at once', async () => {
    const clock = new SimulatedClock({ now: 5_000_000_000n });
    const { seen, source, done } = startReading({ rate: 10 }, clock);
    await clock.advance(350);
    expect(seen).toEqual([0, 100, 200, 300].map((ms) => ({ atMs: 5_000 + ms, rows: 1 })));
    source.stop();
    await done;
    expect(clock.timersPending).toBe(0);
  });

  it('gives what has become due in one batch at a high rate, and keeps the rate', async () => {
    const clock = new SimulatedClock();
    const { seen, source, done, total } = startReading({ rate: 20_000 }, clock);
    await clock.advance(1_000);
    expect(total()).toBe(20_001);
    expect(seen.length).toBeLessThanOrEqual(1_001);
    source.stop();
    await done;
  });

  it('catches up after a reader that was slow', async () => {
    const clock = new SimulatedClock();
    const source = open({ rate: 100, rows: 1_000 }, stageContext({ clock }));
    expect((await source.read())?.length).toBe(1);
    await clock.advance(500);
    expect((await source.read())?.length).toBe(50);
  });

  it('is silent on the clock as well', async () => {
    const clock = new SimulatedClock();
    const { seen, done } = startReading(
      { rate: 10, rows: 4, faults: { silenceEvery: 2, silenceFor: '5s' } },
      clock,
    );
    await clock.advance(6_000);
    await done;
    expect(seen.filter(({ rows }) => rows > 0).map(({ atMs }) => atMs)).toEqual([0, 100, 5_200, 5_300]);
  });

  it('tells in a long wait how far time is: that of the next row, less what is left to wait', async () => {
    const clock = new SimulatedClock();
    const faults = { silenceEvery: 2, silenceFor: '350ms' };
    const { stream, done } = startReading({ rate: 10, interval: '100ms', rows: 4, faults }, clock);
    await clock.advance(1_000);
    await done;
    const told = stream.map((item) => [
      item.type ?? 'row',
      Number(((item.at ?? item.time) as bigint) - START) / 1e6,
    ]);
    expect(told).toEqual([
      ['row', 0],
      ['row', 100],
      ['watermark', 200],
      ['watermark', 300],
      ['watermark', 400],
      ['watermark', 500],
      ['row', 550],
      ['row', 650],
    ]);
    expect(clock.timersPending).toBe(0);
  });

  it('tells no time that rows before it have told, and none where event time is slower than the clock', async () => {
    const clock = new SimulatedClock();
    const { stream, source, done } = startReading({ rate: 0.5, interval: '1ms' }, clock);
    await clock.advance(7_999);
    source.stop();
    await done;
    expect(stream.filter(({ type }) => type === 'watermark')).toEqual([]);
    expect(stream).toHaveLength(4);
  });

  it('ends a wait when it is stopped, and leaves no timer behind', async () => {
    const clock = new SimulatedClock();
    const { source, done, total } = startReading({ rate: 0.001 }, clock);
    await clock.advance(1);
    source.stop();
    await done;
    expect(total()).toBe(1);
    expect(clock.timersPending).toBe(0);
  });
});
