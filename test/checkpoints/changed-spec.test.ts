import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { FileCheckpointStore } from '../../src/checkpoints/file-checkpoint-store.js';
import { turnOfTheLoop } from '../../src/core/clock.js';
import type { OpenSpec } from '../../src/plan/typed-spec.js';
import { createPipeline } from '../../src/runtime/pipeline-builder.js';
import { scratchFolder } from '../support/recorded-data.js';

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);

const ROWS = 60_000;
const priceOf = (row: number): number => (row * 7) % 100;

SCRATCH.write(
  'ticks.csv',
  `time,symbol,price\n${Array.from({ length: ROWS }, (_, row) => `${1_700_000_000_000 + row},A,${priceOf(row)}`).join('\n')}\n`,
);

type Operators = OpenSpec['operators'] & object;

const specOf = (out: string, operators: Operators): OpenSpec => ({
  name: 'changed',
  source: {
    use: 'replay',
    path: `${SCRATCH.folder}/ticks.csv`,
    kind: 'trade',
    columns: { time: { from: 'time', unit: 'ms' }, symbol: 'symbol', price: 'price' },
  },
  operators,
  batchRows: 16,
  batcher: { maxRows: 40 },
  sink: { use: 'csv', path: out },
});

/** Runs until some rows have been delivered, and then suspends; or to the end. */
async function run(spec: OpenSpec, store: FileCheckpointStore, suspendsAfter = Number.POSITIVE_INFINITY) {
  const pipeline = createPipeline(spec, { store });
  const ended = pipeline.run();
  let isOver = false;
  ended
    .finally(() => {
      isOver = true;
    })
    .catch(() => undefined);
  while (!isOver && pipeline.counters.rowsOut < suspendsAfter) await turnOfTheLoop();
  if (!isOver) await pipeline.suspend();
  return ended;
}

const linesOf = (out: string): string[] => readFileSync(out, 'utf8').trimEnd().split('\n').slice(1);

/** The rows of an output, by their number in the source. */
const rowsOf = (out: string): number[] =>
  linesOf(out).map((line) => Date.parse(line.split(',')[0]!) - 1_700_000_000_000);

describe('a run that goes on with a changed spec', () => {
  it('has the rows before the cut by the old filter, and those after it by the new one, each once', async () => {
    const out = `${SCRATCH.folder}/filtered.csv`;
    const store = new FileCheckpointStore(`${SCRATCH.folder}/filtered`);
    const before = specOf(out, [{ use: 'filter', where: 'price < 50' }]);
    const after = specOf(out, [
      { use: 'filter', where: 'price >= 20' },
      { use: 'filter', where: 'price != 77' },
    ]);
    expect(await run(before, store, 400)).toMatchObject({ reason: 'suspended' });
    const { run: first, counters } = (await store.load('changed'))!;
    expect(await run(after, store)).toMatchObject({
      outcome: 'completed',
      counters: { rowsIn: ROWS, rowsOut: linesOf(out).length, rowsFiltered: ROWS - linesOf(out).length },
    });
    const { run: second } = (await store.load('changed'))!;
    expect([second.id, second.epoch]).toEqual([first.id, first.epoch + 1]);
    const cut = counters.rowsIn;
    expect(cut).toBeLessThan(ROWS);
    const keeps = (row: number) =>
      row < cut ? priceOf(row) < 50 : priceOf(row) >= 20 && priceOf(row) !== 77;
    expect(rowsOf(out)).toEqual(Array.from({ length: ROWS }, (_, row) => row).filter(keeps));
  });

  it('keeps the bars that are open where a filter comes before them that lets all pass', async () => {
    const bars = { use: 'bars', every: '1s' } as const;
    const store = new FileCheckpointStore(`${SCRATCH.folder}/bars`);
    const [whole, changed] = [`${SCRATCH.folder}/whole.csv`, `${SCRATCH.folder}/bars.csv`];
    await createPipeline(specOf(whole, [bars])).run();
    const operators: readonly Operators[] = [
      [bars],
      [{ use: 'filter', where: 'price >= 0' }, bars],
      [{ ...bars, name: 'seconds' }],
      [
        { ...bars, name: 'seconds' },
        { use: 'filter', where: 'count > 0' },
      ],
    ];
    for (const [start, changing] of operators.entries()) {
      const isLast = start === operators.length - 1;
      const report = await run(specOf(changed, changing), store, isLast ? undefined : 5 + 10 * start);
      expect(report.reason).toBe(isLast ? 'end of input' : 'suspended');
    }
    expect(linesOf(changed)).toEqual(linesOf(whole));
  });

  it('is refused where its file would get other columns, before anything is opened', async () => {
    const out = `${SCRATCH.folder}/columns.csv`;
    const store = new FileCheckpointStore(`${SCRATCH.folder}/columns`);
    expect(await run(specOf(out, []), store, 400)).toMatchObject({ reason: 'suspended' });
    const claimed = await store.list();
    await expect(
      run(specOf(out, [{ use: 'derive', columns: { twice: 'price * 2' } }]), store),
    ).rejects.toMatchObject({
      code: 'CHECKPOINT_INVALID',
      message: expect.stringContaining('sink.(columns), sink.(columns).twice differ'),
    });
    expect(await store.list()).toEqual(claimed);
  });
});
