import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { afterAll, describe, expect, it } from 'vitest';
import { MemoryCheckpointStore } from '../../src/checkpoints/memory-checkpoint-store.js';
import type { OpenSpec } from '../../src/plan/typed-spec.js';
import { createPipeline, type PipelineOptions } from '../../src/runtime/pipeline-builder.js';
import { scratchFolder } from '../support/recorded-data.js';
import { TransactionalTable } from '../support/transactional-table.js';
import '../support/property-seed.js';

const ROUNDS = Number(process.env.TICKLOOM_ROUNDS ?? 10);
const TIME_LIMIT = 60_000 + ROUNDS * 20_000;
const ROWS = 300;
/** More slices than any run of these takes. */
const SLICES_MAX = 1_000;

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);

const lines = (rows: number, isBad: (row: number) => boolean = () => false) =>
  `time,symbol,price\n${Array.from({ length: rows }, (_, i) =>
    isBad(i)
      ? `${1_700_000_000_000 + i * 13},A,what?`
      : `${1_700_000_000_000 + i * 13},${'AB'[i % 2]},${100 + ((i * 7) % 31)}`,
  ).join('\n')}\n`;
const replayOf = (path: string) => ({
  use: 'replay',
  path,
  kind: 'trade',
  columns: { time: { from: 'time', unit: 'ms' }, symbol: 'symbol', price: 'price' },
});
const REPLAY = replayOf(SCRATCH.write('ticks.csv', lines(ROWS)));
const BAD = replayOf(
  SCRATCH.write(
    'bad.csv',
    lines(ROWS, (row) => row % 10 === 3),
  ),
);
const SYNTHETIC = { use: 'synthetic', rows: ROWS, symbols: 3, faults: { gapEvery: 41 } };
const BARS = [{ use: 'bars', every: '100ms' }];
const BARS_OF_BIDS = [{ use: 'bars', every: '20ms', price: 'bid' }];

const specOf = (of: object): OpenSpec =>
  ({
    name: 'bound',
    source: REPLAY,
    batchRows: 16,
    batcher: { maxRows: 8 },
    sink: { use: 'null' },
    ...of,
  }) as OpenSpec;

describe('a run with maxRows', () => {
  it.each([1, 15, 16, 17, 100, 299])(
    'delivers exactly so many rows of its source (%i), and is drained',
    async (maxRows) => {
      const table = new TransactionalTable();
      const report = await createPipeline(specOf({}), { sink: table.sink(), maxRows }).run();
      expect(report).toMatchObject({
        outcome: 'completed',
        reason: 'bounded',
        bound: 'rows',
        rowsPending: 0,
      });
      expect(report.counters).toMatchObject({ rowsIn: maxRows, rowsOut: maxRows });
      expect(table.visible.length).toBe(maxRows);
    },
  );

  it('flushes its operators there', async () => {
    const table = new TransactionalTable();
    await createPipeline(specOf({ operators: [{ use: 'bars', every: '1h' }] }), {
      sink: table.sink(),
      maxRows: 50,
    }).run();
    expect(table.visible.map(({ count }) => count)).toEqual([25, 25]);
  });

  it('ends with its source, if that has fewer', async () => {
    const report = await createPipeline(specOf({}), { maxRows: ROWS + 1 }).run();
    expect(report).toMatchObject({ reason: 'end of input', counters: { rowsIn: ROWS } });
    expect(report.bound).toBeUndefined();
  });

  it('counts the rows of the root source, after a merge', async () => {
    const source = { use: 'merge', sources: [SYNTHETIC, { ...SYNTHETIC, seed: 3 }] };
    const report = await createPipeline(specOf({ source }), { maxRows: 77 }).run();
    expect(report).toMatchObject({ reason: 'bounded', counters: { rowsIn: 77, rowsOut: 77 } });
  });

  it(
    'delivers the same rows, wherever it is killed, and however often',
    async () => {
      const run = async (maxRows: number, kills: readonly number[], source: object) => {
        const table = new TransactionalTable();
        const store = new MemoryCheckpointStore();
        for (const killAt of [...kills, Number.POSITIVE_INFINITY]) {
          let writes = 0;
          const sink = table.sink((step) => {
            if (step !== 'write') return;
            if (++writes === killAt) void pipeline.stop();
            else pipeline.checkpoint().catch(() => undefined);
          });
          const pipeline = createPipeline(
            specOf({ source, operators: source === REPLAY ? BARS : BARS_OF_BIDS }),
            { sink, store, maxRows },
          );
          const report = await pipeline.run();
          if (report.outcome === 'stopped') continue;
          expect(report).toMatchObject({
            outcome: 'completed',
            reason: 'bounded',
            counters: { rowsIn: maxRows },
          });
          break;
        }
        return table.visible;
      };
      const sources = fc.constantFrom<object>(REPLAY, SYNTHETIC);
      const kills = fc.array(fc.integer({ min: 1, max: 8 }), { maxLength: 4 });
      await fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 1, max: 299 }),
          kills,
          sources,
          async (maxRows, killsAt, source) => {
            expect(await run(maxRows, killsAt, source)).toEqual(await run(maxRows, [], source));
          },
        ),
        { numRuns: ROUNDS },
      );
    },
    TIME_LIMIT,
  );
});

/** Runs slices until the source has ended. @returns Their reports. */
async function inSlices(
  spec: OpenSpec,
  slices: readonly number[],
  {
    killAt = () => Number.POSITIVE_INFINITY,
    ...options
  }: PipelineOptions & { readonly killAt?: (start: number) => number },
) {
  const reports = [];
  for (let start = 0; start < SLICES_MAX; start++) {
    const pipeline = createPipeline(spec, { ...options, sliceRows: slices[start % slices.length]! });
    const report = await pipeline.run();
    reports.push(report);
    if (report.reason === 'end of input') return reports;
    expect(report.reason).toBe('sliced');
  }
  throw new Error('the source never ended');
}

describe('slices of a run', () => {
  it('are so many rows each, complete without a flush, and the last one ends the run', async () => {
    const table = new TransactionalTable();
    const store = new MemoryCheckpointStore();
    const spec = specOf({ operators: [{ use: 'bars', every: '1h' }] });
    const reports = await inSlices(spec, [77], { store, sink: table.sink() });
    expect(
      reports.map(({ outcome, reason, bound, counters }) => [outcome, reason, bound, counters.rowsIn]),
    ).toEqual([
      ['completed', 'sliced', 'rows', 77],
      ['completed', 'sliced', 'rows', 154],
      ['completed', 'sliced', 'rows', 231],
      ['completed', 'end of input', undefined, 300],
    ]);
    expect(table.visible.map(({ count }) => count)).toEqual([150, 150]);
  });

  it('may end where the source does, so that the next one only flushes', async () => {
    const reports = await inSlices(specOf({}), [150], { store: new MemoryCheckpointStore() });
    expect(reports.map(({ reason }) => reason)).toEqual(['sliced', 'sliced', 'end of input']);
  });

  it('may be followed by a start without slices, and by other slices', async () => {
    const table = new TransactionalTable();
    const store = new MemoryCheckpointStore();
    const run = (options: PipelineOptions) =>
      createPipeline(specOf({}), { store, sink: table.sink(), ...options }).run();
    await run({ sliceRows: 21 });
    await run({ sliceRows: 5 });
    expect(await run({ maxRows: 30 })).toMatchObject({ reason: 'bounded', counters: { rowsIn: 30 } });
    expect(table.visible.length).toBe(30);
  });

  it('do not end within a read of several sources, whose rows cannot be had again', async () => {
    const source = { use: 'merge', sources: [SYNTHETIC, { ...SYNTHETIC, seed: 3 }] };
    const table = new TransactionalTable();
    const whole = new TransactionalTable();
    await createPipeline(specOf({ source }), { sink: whole.sink() }).run();
    const reports = await inSlices(specOf({ source }), [50], {
      store: new MemoryCheckpointStore(),
      sink: table.sink(),
    });
    expect(table.visible).toEqual(whole.visible);
    expect(reports[0]!.counters.rowsIn).toBeGreaterThanOrEqual(50);
    expect(reports[0]!.counters.rowsIn).toBeLessThan(50 + 16);
  });

  it.each([
    ['made ticks', { source: SYNTHETIC, operators: BARS_OF_BIDS }],
    ['files', { operators: BARS }],
    ['files with bad rows', { source: BAD, operators: BARS, deadLetter: true }],
  ])(
    'are in sum what an undisturbed run of %s is, row for row, also if some are killed',
    async (_, of) => {
      let letters = 0;
      const made = () =>
        specOf({
          ...of,
          ...('deadLetter' in of && { deadLetter: { path: `${SCRATCH.folder}/dead-${letters++}.jsonl` } }),
        });
      const whole = new TransactionalTable();
      const undisturbed = await createPipeline(made(), { sink: whole.sink() }).run();
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 6 }),
          fc.array(fc.integer({ min: 1, max: 12 }), { maxLength: 5 }),
          async (slices, kills) => {
            const table = new TransactionalTable();
            const store = new MemoryCheckpointStore();
            const spec = made();
            let ended: { readonly counters: object } | undefined;
            for (let start = 0; !ended && start < SLICES_MAX; start++) {
              let writes = 0;
              const sink = table.sink((step) => {
                if (step !== 'write') return;
                if (++writes === kills[start]) void pipeline.stop();
                else if (writes % 2 === 0) pipeline.checkpoint().catch(() => undefined);
              });
              const sliceRows = slices[start % slices.length]!;
              const pipeline = createPipeline(spec, { store, sink, sliceRows });
              const report = await pipeline.run();
              if (report.reason === 'end of input') ended = report;
            }
            expect(table.visible).toEqual(whole.visible);
            const { rowsIn, rowsRejected, rowsOut } = undisturbed.counters;
            expect(ended?.counters).toMatchObject({ rowsIn, rowsRejected, rowsOut });
          },
        ),
        { numRuns: ROUNDS },
      );
    },
    TIME_LIMIT,
  );

  it.each(['csv', 'parquet'] as const)(
    'are in sum the files of an undisturbed run (%s)',
    async (use) => {
      let folders = 0;
      const rowsIn = async (folder: string) => {
        const parts = readdirSync(folder)
          .filter((name) => !name.startsWith('.'))
          .sort();
        const rows: unknown[] = [];
        for (const name of parts) {
          const path = join(folder, name);
          if (use === 'csv') rows.push(...readFileSync(path, 'utf8').trimEnd().split('\n').slice(1));
          else rows.push(...(await parquetReadObjects({ file: await asyncBufferFromFile(path) })));
        }
        return rows;
      };
      const made = () => {
        const path = join(SCRATCH.folder, `${use}-${folders++}`);
        return { path, spec: specOf({ operators: BARS, sink: { use, path, rotate: { rows: 40 } } }) };
      };
      const whole = made();
      await createPipeline(whole.spec).run();
      const expected = await rowsIn(whole.path);
      expect(expected.length).toBeGreaterThan(50);
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.integer({ min: 10, max: 120 }), { minLength: 1, maxLength: 5 }),
          async (slices) => {
            const { path, spec } = made();
            await inSlices(spec, slices, { store: new MemoryCheckpointStore() });
            expect(await rowsIn(path)).toEqual(expected);
          },
        ),
        { numRuns: Math.ceil(ROUNDS / 2) },
      );
    },
    TIME_LIMIT,
  );

  it('are refused without a store, and beside maxRows', () => {
    expect(() => createPipeline(specOf({}), { sliceRows: 5 })).toThrow('sliceRows: expected a "store"');
    const store = new MemoryCheckpointStore();
    expect(() => createPipeline(specOf({}), { store, sliceRows: 5, maxRows: 9 })).toThrow(
      'sliceRows: expected no "maxRows"',
    );
    expect(() => createPipeline(specOf({}), { maxRows: 0 })).toThrow('maxRows: expected a whole number');
  });
});
