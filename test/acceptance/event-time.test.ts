import { afterAll, describe, expect, it } from 'vitest';
import type { Batch } from '../../src/columns/batch.js';
import { BatchPool } from '../../src/columns/batch-pool.js';
import { copyRow, type Row, rowsOf } from '../../src/columns/row-view.js';
import type { Schema } from '../../src/columns/schema.js';
import type { SourceFactory } from '../../src/engine/factories.js';
import type { OpenSpec, SourceSpec } from '../../src/plan/typed-spec.js';
import { createPipeline, type PipelineOptions } from '../../src/runtime/pipeline-builder.js';
import { callbackSink } from '../../src/stages/sinks/callback.js';
import { scratchFolder } from '../support/recorded-data.js';
import { SimulatedClock } from '../support/simulated-clock.js';

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);

/** Files of trades, each a list of lines under one header. @returns A glob that names them all. */
function files(folder: string, byName: Readonly<Record<string, readonly string[]>>): string {
  SCRATCH.makeFolder(folder);
  for (const [name, lines] of Object.entries(byName)) {
    SCRATCH.write(`${folder}/${name}`, ['time,price,size', ...lines, ''].join('\n'));
  }
  return `${SCRATCH.folder}/${folder}/*.csv`;
}

const TRADES = {
  use: 'replay',
  kind: 'trade',
  columns: { time: 'time', symbol: { value: 'A' }, price: 'price', size: 'size' },
} as const;
const MINUTES = { use: 'bars', every: '1m' } as const;

async function run(spec: Omit<OpenSpec, 'name'>, options: PipelineOptions = {}) {
  const rows: Row[] = [];
  const sink = callbackSink((batch) => {
    for (const row of rowsOf(batch)) rows.push(copyRow(row));
  });
  const report = await createPipeline({ name: 'event-time', ...spec }, { sink, ...options }).run();
  return { report, rows };
}

type ReplaySpec = Extract<SourceSpec, { readonly use: 'replay' }>;

/** One-minute bars of trades. */
const minutesOf = (source: Partial<ReplaySpec>, bars: object = {}, spec: object = {}) =>
  run({ source: { ...TRADES, path: '', ...source }, operators: [{ ...MINUTES, ...bars }], ...spec });

const inShort = (rows: readonly Row[]): string[] =>
  rows.map(({ time, symbol, open, close, count }) => {
    const minute = new Date(Number((time as bigint) / 1_000_000n)).toISOString().slice(11, 16);
    return `${minute} ${symbol} ${open} ${close} ${count}`;
  });

const at = (time: string, price = 1, size = 1) => `2024-03-04T${time}Z,${price},${size}`;
const MINUTES_OF_DAY = ['09:30', '09:31', '09:32', '09:33'];

describe('rows that a desk must not lose', () => {
  it('come in time from three files, one a symbol, of the same four minutes: 12 bars', async () => {
    const lines = MINUTES_OF_DAY.flatMap((minute) => [at(`${minute}:10`), at(`${minute}:40`)]);
    const path = files('symbols', { 'AAA.csv': lines, 'BBB.csv': lines, 'CCC.csv': lines });
    const columns = { ...TRADES.columns, symbol: { fromFile: true } } as const;
    const { report, rows } = await minutesOf({ path, columns });
    expect(report).toMatchObject({ outcome: 'completed', dropped: { late: 0 } });
    expect(report.counters).toMatchObject({ rowsIn: 24, rowsFolded: 24, rowsLate: 0, rowsOut: 12 });
    expect(inShort(rows)).toEqual(
      MINUTES_OF_DAY.flatMap((minute) => ['AAA', 'BBB', 'CCC'].map((symbol) => `${minute} ${symbol} 1 1 2`)),
    );
  });

  it('come in time from parts 1, 2 and 10', async () => {
    const path = files('parts', {
      'part-1.csv': [at('09:30:00', 1), at('09:30:30', 2)],
      'part-2.csv': [at('09:31:00', 3), at('09:31:30', 4)],
      'part-10.csv': [at('09:32:00', 5), at('09:32:30', 6)],
    });
    const { rows } = await minutesOf({ path });
    expect(inShort(rows)).toEqual(['09:30 A 1 2 2', '09:31 A 3 4 2', '09:32 A 5 6 2']);
  });

  it('come in time from a file with the newest row first: six bars', async () => {
    const times = ['09:35', '09:34', '09:33', '09:32', '09:31', '09:30'];
    const path = files('backwards', { 'trades.csv': times.map((time) => at(`${time}:00`)) });
    const { report, rows } = await minutesOf({ path });
    expect(report.outcome).toBe('completed');
    expect(
      rows.map(({ time }) => new Date(Number((time as bigint) / 1_000_000n)).toISOString().slice(11, 16)),
    ).toEqual(times.toReversed());
  });

  const wild = [
    at('09:30:00'),
    at('09:30:30'),
    '2042-03-04T09:31:00Z,1,1',
    at('09:31:10'),
    at('09:31:20'),
    at('09:32:00'),
    at('09:33:00'),
  ];

  it('are not lost to one that is stamped 2042: the run stops and names it', async () => {
    const path = files('wild', { 'trades.csv': wild });
    const { report } = await minutesOf({ path }, { emptyBars: 'emit' });
    expect(report).toMatchObject({ outcome: 'failed', error: { code: 'ROW_INVALID' } });
    expect(report.error?.message).toMatch(/trades\.csv:4: time: .*2042/);
    expect(report.error?.message).toContain('maxJump');
  });

  it('are not lost to one that is stamped 2042 where bad rows are kept: the bars of the good ones', async () => {
    const path = files('wild-kept', { 'trades.csv': wild });
    const { report, rows } = await minutesOf(
      { path },
      { emptyBars: 'emit' },
      { deadLetter: { path: `${SCRATCH.folder}/wild.jsonl` } },
    );
    expect(report.counters).toMatchObject({ rowsIn: 7, rowsRejected: 1, rowsLate: 0 });
    expect(inShort(rows)).toEqual(['09:30 A 1 1 2', '09:31 A 1 1 2', '09:32 A 1 1 1', '09:33 A 1 1 1']);
  });

  it('make a bar by event time, not by arrival', async () => {
    const path = files('arrival', {
      'trades.csv': [at('09:30:01', 10), at('09:30:03', 30), at('09:30:02', 20), at('09:30:00.5', 5)],
    });
    const { rows } = await minutesOf({ path });
    expect(inShort(rows)).toEqual(['09:30 A 5 30 4']);
  });

  it('keep their hour when the clocks of New York show it twice', async () => {
    const local = ['01:10', '01:40', '01:10', '01:40'].map((time, i) => `2024-11-03 ${time}:00,${i + 1},1`);
    const path = files('autumn', { 'trades.csv': local });
    const columns = { ...TRADES.columns, time: { from: 'time', zone: 'America/New_York' } };
    const { rows } = await minutesOf({ path, columns });
    expect(inShort(rows)).toEqual(['05:10 A 1 1 1', '05:40 A 2 2 1', '06:10 A 3 3 1', '06:40 A 4 4 1']);
  });

  it.each([
    ['microseconds read as nanoseconds', 'ns', ['1709544600000000,1,1', '1709544601000000,1,1'], 'us'],
    ['milliseconds read as microseconds', 'us', ['1709544600000,1,1', '1709544601000,1,1'], 'ms'],
    ['a missing date', 'ms', ['34200000,1,1', '34201000,1,1'], 'date'],
  ] as const)('are not put into January 1970 by %s', async (_, unit, lines, likely) => {
    const path = files(`unit-${unit}-${likely}`, { 'trades.csv': lines });
    const columns = { ...TRADES.columns, time: { from: 'time', unit } };
    const { report } = await minutesOf({ path, columns });
    expect(report.outcome).toBe('failed');
    expect(report.error?.message).toMatch(/trades\.csv:2: .*1970-01/);
    expect(report.error?.message).toContain(likely);
  });

  it('stop a run that would lose them, with both rows named', async () => {
    const path = files('late', { 'trades.csv': [at('09:30:59'), at('09:31:00'), at('09:30:58.5')] });
    const { report } = await minutesOf({ path });
    expect(report).toMatchObject({ outcome: 'failed', error: { code: 'LATE_ROW', retryable: false } });
    expect(report.error?.message).toMatch(/trades\.csv:4: .*09:30:58\.5.*trades\.csv:3.*"lateness"/s);
    expect(report.counters).toMatchObject({ rowsLate: 1 });
  });

  it('add up to the volume of the decimals', async () => {
    const lines = Array.from({ length: 1_000 }, (_, i) =>
      at(`09:30:${String(i % 60).padStart(2, '0')}.${i}`, 1, 0.1655851),
    );
    const path = files('volume', { 'trades.csv': lines });
    const { rows } = await minutesOf({ path }, { every: '1h' });
    expect(rows).toMatchObject([{ volume: 165.5851, count: 1_000 }]);
  });
});

describe('six million bars of a quiet minute', () => {
  it('come out within 16 MB of columns, one step after the other', async () => {
    const path = files('quiet', { 'trades.csv': [at('09:30:00'), at('09:31:00')] });
    let rows = 0;
    const sink = callbackSink((batch) => {
      rows += batch.length;
    });
    const { report } = await run(
      {
        source: { ...TRADES, path },
        operators: [{ use: 'bars', every: '10us', emptyBars: 'emit', fillMax: 10_000_000 }],
        maxMemoryMb: 16,
      },
      { sink },
    );
    expect(report).toMatchObject({ outcome: 'completed' });
    expect(rows).toBe(6_000_001);
    expect(report.columnBytesPeak).toBeLessThan(16 * 1_048_576);
  });
});

const LIVE: Schema = {
  kind: 'trade',
  columns: [
    { name: 'time', type: 'timestamp' },
    { name: 'symbol', type: 'string' },
    { name: 'price', type: 'float64' },
  ],
} as const;

/** A live source in the hands of the test. */
function liveSource() {
  const queue: (readonly [symbol: string, timeNs: bigint][] | null)[] = [];
  let wake = () => {};
  const factory: SourceFactory<unknown> = {
    plan: () => LIVE,
    create: (_options, { dictionaries }) => {
      const pool = new BatchPool(LIVE, 16, dictionaries);
      return {
        schema: LIVE,
        capabilities: { delivery: 'live-only', bounded: false },
        async read(): Promise<Batch | null> {
          while (queue.length === 0) await new Promise<void>((resolve) => (wake = resolve));
          const next = queue.shift();
          if (!next) return null;
          const batch = pool.acquire();
          batch.length = next.length;
          let row = 0;
          for (const view of rowsOf(batch)) {
            [view.symbol, view.time] = next[row++]!;
            view.price = 1;
          }
          return batch;
        },
        stop() {
          queue.push(null);
          wake();
        },
        position: () => null,
        resume() {},
      };
    },
  };
  return {
    factory,
    push(...rows: [symbol: string, timeNs: bigint][]) {
      queue.push(rows);
      wake();
    },
    end() {
      queue.push(null);
      wake();
    },
  };
}

describe('a live source', () => {
  const NOW = 1_709_544_600_000_000_000n; // 2024-03-04T09:30:00Z
  const SECOND = 1_000_000_000n;

  function start(bars: object = {}) {
    const clock = new SimulatedClock({ wall: NOW });
    const source = liveSource();
    const rows: Row[] = [];
    const sink = callbackSink((batch) => {
      for (const row of rowsOf(batch)) rows.push(copyRow(row));
    });
    const pipeline = createPipeline(
      { name: 'live', operators: [{ use: 'bars', every: '1s', ...bars }], batcher: { maxDelayMs: 50 } },
      { source: source.factory, sink, clock },
    );
    return { clock, source, rows, ended: pipeline.run() };
  }

  it('that goes quiet gives its last bar when the watermark has passed it', async () => {
    const { clock, source, rows, ended } = start();
    source.push(['A', NOW]);
    await clock.advance(900);
    expect(rows).toHaveLength(0);
    await clock.advance(600);
    expect(rows).toMatchObject([{ symbol: 'A', count: 1 }]);
    source.end();
    await ended;
  });

  it('whose clock is two seconds behind loses nothing', async () => {
    const { clock, source, rows, ended } = start();
    for (let i = 0; i < 40; i++) {
      source.push(['A', NOW - 2n * SECOND + BigInt(i) * 250_000_000n]);
      await clock.advance(250);
    }
    source.end();
    await clock.advance(1);
    const report = await ended;
    expect(report.counters).toMatchObject({ rowsIn: 40, rowsFolded: 40, rowsLate: 0 });
    expect(rows.map(({ count }) => count)).toEqual(Array.from({ length: 10 }, () => 4));
  });

  it('has no symbol hold up the bars of another, nor its own for want of rows', async () => {
    const { clock, source, rows, ended } = start();
    source.push(['QUIET', NOW], ['BUSY', NOW]);
    for (let i = 1; i <= 12; i++) {
      await clock.advance(250);
      source.push(['BUSY', NOW + BigInt(i) * 250_000_000n]);
    }
    await clock.advance(100);
    expect(rows.filter(({ symbol }) => symbol === 'QUIET')).toHaveLength(1);
    expect(rows.filter(({ symbol }) => symbol === 'BUSY').length).toBeGreaterThanOrEqual(2);
    source.end();
    await clock.advance(1);
    await ended;
  });

  it('counts late rows, and goes on', async () => {
    const { clock, source, ended } = start();
    source.push(['A', NOW]);
    await clock.advance(5_000);
    source.push(['A', NOW + SECOND / 2n], ['A', NOW + 5n * SECOND]);
    source.end();
    await clock.advance(1);
    expect(await ended).toMatchObject({
      outcome: 'completed',
      dropped: { late: 1 },
      counters: { rowsLate: 1 },
    });
  });
});
