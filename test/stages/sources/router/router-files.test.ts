import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { MemoryCheckpointStore } from '../../../../src/checkpoints/memory-checkpoint-store.js';
import { uncheckedSpec } from '../../../../src/plan/typed-spec.js';
import { createPipeline, type PipelineOptions } from '../../../../src/runtime/pipeline-builder.js';
import { isRow, keepingSink, type Stream } from '../../../support/pipeline-rig.js';
import { scratchFolder } from '../../../support/recorded-data.js';

const scratch = scratchFolder();
afterAll(() => scratch.remove());

const DAY = Date.parse('2024-03-04T00:00:00Z');
const ROWS = 300;

const csvOf = (rows: number, first = 1) =>
  [
    'time,symbol,price,sequence',
    ...Array.from({ length: rows }, (_, i) => {
      const n = first + i;
      return `${new Date(DAY + n * 1_000).toISOString()},${'AB'[n % 2]},${n},${n}`;
    }),
    '',
  ].join('\n');

const whole = scratch.write('whole.csv', csvOf(ROWS));
/** The download broke off: the file ends within its compressed data. */
const packed = gzipSync(csvOf(ROWS), { level: 0 });
const cut = scratch.write('cut.csv.gz', packed.subarray(0, Math.floor(packed.length / 2)));
const late = scratch.write('late.csv', csvOf(ROWS - 249, 250));

const replay = (path: string) => ({
  use: 'replay',
  path,
  kind: 'trade',
  columns: { time: 'time', symbol: 'symbol', price: 'price', sequence: { from: 'sequence', type: 'int64' } },
});

const router = (paths: readonly string[], options: object = {}) => ({
  use: 'router',
  sources: paths.map(replay),
  sequence: { scope: 'stream' },
  ...options,
});

async function run(source: object, options: PipelineOptions = {}, suspendAfter = Number.POSITIVE_INFINITY) {
  const kept = keepingSink(() => {
    if (kept.stream.filter(isRow).length >= suspendAfter) pipeline.suspend();
  });
  const spec = uncheckedSpec({
    name: 'routed-files',
    batchRows: 16,
    source,
    batcher: { maxRows: 16 },
    sink: { use: 'null' },
  });
  const pipeline = createPipeline(spec, { sink: { create: () => kept.sink }, ...options });
  const report = await pipeline.run();
  return { stream: kept.stream as Stream, report };
}

const numbersOf = (stream: Stream) => stream.filter(isRow).map(({ price }) => price);
const all = Array.from({ length: ROWS }, (_, i) => i + 1);

describe('a router of files', () => {
  it('gives the rows of the first one, and ends with it', async () => {
    const { stream, report } = await run(router([whole, late]));
    expect(report).toMatchObject({ outcome: 'completed', reason: 'end of input' });
    expect(numbersOf(stream)).toEqual(all);
    expect(stream.filter(({ type }) => type === 'switched')).toEqual([]);
  });

  it('goes on in the next one behind the last row of one that is cut off, by their numbers', async () => {
    const { stream, report } = await run(router([cut, whole]));
    expect(report).toMatchObject({ outcome: 'completed' });
    expect(numbersOf(stream)).toEqual(all);
    const switched = stream.filter(({ type }) => type === 'switched');
    expect(switched).toMatchObject([
      { from: 'sources[0]', to: 'sources[1]', reason: 'error', seam: 'exact' },
    ]);
    expect(stream.filter(({ type }) => type === 'gap')).toEqual([]);
    const { statistics } = report.stages.find(({ stage }) => stage === 'source')!;
    expect(statistics.rowsSeen).toBeGreaterThan(50);
    expect(statistics).toMatchObject({ 'sources[0].failures': 1, 'sources[0].state': 4 });
  });

  it('tells which numbers no file has', async () => {
    const { stream } = await run(router([cut, late]));
    const gaps = stream.filter(({ type }) => type === 'gap');
    expect(gaps).toMatchObject([
      { reason: expect.stringMatching(/^sequence \d+ to 249 is missing between/) },
    ]);
  });

  it('drops no row by guess without numbers', async () => {
    const { stream } = await run({ ...router([cut, whole]), sequence: undefined });
    expect(stream.filter(({ type }) => type === 'switched')).toMatchObject([{ seam: 'unknown' }]);
    expect(numbersOf(stream).slice(-ROWS)).toEqual(all);
  });

  it('fails with all causes if none is left', async () => {
    const { report } = await run(router([cut, cut]));
    expect(report.error).toMatchObject({ code: 'SOURCE_FAILED', retryable: false });
    expect(report.error?.message.match(/cut\.csv\.gz/g)?.length).toBeGreaterThanOrEqual(2);
  });

  it.each([1, 40, 90, 140, 160, 250])(
    'equals an undisturbed run when it is suspended after %i rows',
    async (rows) => {
      const store = new MemoryCheckpointStore();
      const first = await run(router([cut, whole]), { store }, rows);
      expect(first.report.reason).toBe('suspended');
      const second = await run(router([cut, whole]), { store });
      expect(second.report).toMatchObject({ outcome: 'completed' });
      const stream = [...first.stream, ...second.stream];
      expect(numbersOf(stream)).toEqual(all);
      expect(stream.filter(({ type }) => type === 'switched')).toHaveLength(1);
      expect(second.report.counters.rowsIn).toBe(ROWS);
    },
  );

  it('may have operators behind a source, whose state goes on, too', async () => {
    const store = new MemoryCheckpointStore();
    const bars = { use: 'bars', every: '10s' };
    const spec = { use: 'router', sources: [{ ...replay(whole), operators: [bars] }] };
    const undisturbed = await run(spec);
    const first = await run(spec, { store }, 16);
    const second = await run(spec, { store });
    expect([...first.stream, ...second.stream].filter(isRow)).toEqual(undisturbed.stream.filter(isRow));
    expect(undisturbed.stream.filter(isRow)).toHaveLength(61);
  });
});
