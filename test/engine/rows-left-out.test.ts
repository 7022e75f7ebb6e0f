import { afterAll, describe, expect, it } from 'vitest';
import { uncheckedSpec } from '../../src/plan/typed-spec.js';
import { createPipeline } from '../../src/runtime/pipeline-builder.js';
import type { PipelineReport } from '../../src/wire/pipeline-report.js';
import { scratchFolder } from '../support/recorded-data.js';

const scratch = scratchFolder();
afterAll(scratch.remove);

const run = (name: string, spec: object) => createPipeline(uncheckedSpec({ name, ...spec })).run();
const statisticsOf = ({ stages }: PipelineReport, id: string) =>
  stages.find(({ stage }) => stage === id)?.statistics;

const TICKS = { use: 'synthetic', kind: 'trade', seed: 1, rows: 1_000 };

describe('the rows that a run has left out', () => {
  it('are counted in inputs, by what became of them', async () => {
    const sources = [
      { ...TICKS, operators: [{ use: 'filter', where: 'size > 50' }] },
      { ...TICKS, seed: 2 },
    ];
    const report = await run('in', { source: { use: 'merge', sources }, sink: { use: 'null' } });
    const { rowsOut = 0, rowsFiltered = 0, ...others } = statisticsOf(report, 'source.sources[0]')!;
    expect(rowsOut).toBeGreaterThan(0);
    expect(rowsFiltered).toBe(1_000 - rowsOut);
    expect(others).toMatchObject({ rowsIn: 1_000, rowsPending: 0 });
    expect(statisticsOf(report, 'source.sources[1]')).toMatchObject({ rowsIn: 1_000, rowsOut: 1_000 });
    expect(report.counters.rowsIn).toBe(1_000 + rowsOut);
  });

  it.each([
    ['drop', { rowsDropped: 1, dropped: { late: 1 }, rowsRejected: 0, rowsLate: 1 }],
    ['keep', { rowsDropped: 0, rowsRejected: 1, rowsLate: 1 }],
  ])('are counted in branches, with late: %s', async (late, leftOut) => {
    const path = `ticks-${late}.csv`;
    scratch.write(
      path,
      ['time,symbol,price,size', ...[0, 3_000, 500].map((ms) => `${1.7e12 + ms},A,1,1`)].join('\n'),
    );
    const report = await run(late, {
      source: {
        use: 'replay',
        path: `${scratch.folder}/${path}`,
        kind: 'trade',
        columns: { time: { from: 'time', unit: 'ms' }, symbol: 'symbol', price: 'price', size: 'size' },
      },
      sink: {
        use: 'tee',
        branches: [{ use: 'null' }, { use: 'null', operators: [{ use: 'bars', every: '1s', late }] }],
      },
      deadLetter: { path: `${scratch.folder}/${late}.jsonl` },
    });
    expect(report.error).toBeUndefined();
    expect(report.counters).toMatchObject({ rowsIn: 3, rowsOut: 3, rowsDropped: 0, rowsRejected: 0 });
    expect(report.leftOut).toMatchObject(leftOut);
  });

  it('are counted by splits', async () => {
    const route = { when: 'size > 90', use: 'null' };
    const inner = { use: 'split', routes: { b: { ...route, when: 'size > 50' } } };
    const report = await run('routes', {
      source: TICKS,
      sink: { use: 'split', routes: { a: route, rest: { when: 'size < 70', ...inner } } },
    });
    const [outer, nested] = ['sink', 'sink.routes.rest'].map(
      (id) => statisticsOf(report, id)?.rowsUnrouted ?? 0,
    );
    expect([outer! > 0, nested! > 0]).toEqual([true, true]);
    expect(report.leftOut.rowsUnrouted).toBe(outer! + nested!);
  });
});

describe('rows that a sink took', () => {
  const taking = (name: string, sinks: object[]) =>
    run(name, {
      source: { ...TICKS, rows: 5_000, faults: { errorAtRow: 4_600 } },
      batchRows: 500,
      batcher: { maxRows: 500 },
      sink: {
        use: 'tee',
        branches: sinks.map((sink) => ({ batcher: { maxRows: 500 }, queue: { batches: 1 }, ...sink })),
      },
    });

  it('are not durable in a failed run, but for parts that have ended', async () => {
    const report = await taking('failed', [
      { use: 'csv', path: `${scratch.folder}/failed.csv` },
      { use: 'csv', path: `${scratch.folder}/parts`, rotate: { rows: 200 } },
      { use: 'null' },
    ]);
    expect(report.outcome).toBe('failed');
    const [file, parts, none] = [0, 1, 2].map((i) => statisticsOf(report, `sink.branches[${i}]`)!);
    expect(file!.rowsOut).toBeGreaterThan(0);
    expect(file!.rowsNotDurable).toBe(file!.rowsOut);
    expect(parts!.rowsOut! - parts!.rowsNotDurable!).toBe(200 * report.outputs.length);
    expect(report.outputs.length).toBeGreaterThan(0);
    expect(none!.rowsNotDurable).toBe(0);
    expect(statisticsOf(report, 'sink')).not.toHaveProperty('rowsNotDurable');
  });

  it('are all durable in a completed run', async () => {
    const sink = { use: 'csv', path: `${scratch.folder}/whole.csv` };
    const report = await run('whole', { source: TICKS, sink });
    expect(statisticsOf(report, 'sink')).toMatchObject({ rowsNotDurable: 0 });
    expect(report.firstBatchMs).toBeGreaterThan(0);
    expect(report.firstBatchMs).toBeLessThanOrEqual(report.durationMs);
  });
});
