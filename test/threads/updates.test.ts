import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { PipelineSpec } from '../../dist/src/index.js';
import { moduleOperator, startRuntime, until } from './threads-support.js';

const ROWS = 60_000;
const BEGIN_MS = 1_700_000_000_000;
const priceOf = (row: number): number => (row * 7) % 100;

/** A job that replays at the pace of its data, which takes a minute, unless it is told to hurry. */
async function startJob() {
  const folder = mkdtempSync(join(tmpdir(), 'tickloom-updates-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const lines = Array.from({ length: ROWS }, (_, row) => `${BEGIN_MS + row},A,${priceOf(row)}`);
  writeFileSync(join(folder, 'ticks.csv'), `time,symbol,price\n${lines.join('\n')}\n`);
  const out = join(folder, 'out.csv');
  const specOf = (
    where: string,
    more: Partial<PipelineSpec> = {},
    speed: number | 'max' = 1,
  ): PipelineSpec => ({
    name: 'prints',
    source: {
      use: 'replay',
      path: join(folder, 'ticks.csv'),
      kind: 'trade',
      columns: { time: { from: 'time', unit: 'ms' }, symbol: 'symbol', price: 'price' },
      speed,
    },
    operators: [{ use: 'filter', where }],
    sink: { use: 'csv', path: out },
    ...more,
  });
  const runtime = await startRuntime({ checkpoints: { path: join(folder, 'checkpoints') } });
  const job = await runtime.submit(specOf('price < 50'));
  const rowsOf = () =>
    readFileSync(out, 'utf8')
      .trimEnd()
      .split('\n')
      .slice(1)
      .map((line) => Date.parse(line.split(',')[0]!) - BEGIN_MS);
  return { runtime, job, specOf, rowsOf, folder };
}

/** The rows of a filter up to some row, and of another one from there on. */
const rowsBy = (cut: number, before: (price: number) => boolean, after: (price: number) => boolean) =>
  Array.from({ length: ROWS }, (_, row) => row).filter((row) => (row < cut ? before : after)(priceOf(row)));

describe('an update of a job at work', () => {
  it('has each row once: by the old spec before the cut, and by the new one after it', async () => {
    const { runtime, job, specOf, rowsOf } = await startJob();
    await until(() => job.inspect().counters.rowsOut > 0);
    const info = await runtime.update('prints', specOf('price >= 20', {}, 'max'));
    expect(info).toMatchObject({ id: job.id, revision: 2, runs: [{ epoch: 1 }, { epoch: 2, revision: 2 }] });
    expect(await job.outcome).toMatchObject({ outcome: 'completed', counters: { rowsIn: ROWS } });
    const found = rowsOf();
    // The cut is behind the last row that the old filter alone lets pass, and not behind the first of the new one.
    const low = found.filter((row) => priceOf(row) < 20).at(-1)!;
    const high = found.find((row) => priceOf(row) >= 50)!;
    const cuts = Array.from({ length: high - low }, (_, i) => low + 1 + i);
    const isSame = (cut: number) =>
      JSON.stringify(
        rowsBy(
          cut,
          (price) => price < 50,
          (price) => price >= 20,
        ),
      ) === JSON.stringify(found);
    expect(cuts.some(isSame)).toBe(true);
  });

  it('falls back to the spec before if the changed one does not start, and loses no row', async () => {
    const { runtime, job, specOf, rowsOf } = await startJob();
    await until(() => job.inspect().counters.rowsOut > 0);
    const broken = moduleOperator('emit(batch);', { create: `throw new Error('no such model');` });
    const operators = [{ use: 'filter', where: 'price < 50' } as const, broken];
    await expect(runtime.update(job.id, specOf('', { operators }))).rejects.toMatchObject({
      code: 'UPDATE_FELL_BACK',
      message: expect.stringContaining('no such model'),
    });
    expect(job.inspect()).toMatchObject({ state: 'running', revision: 1 });
    await runtime.update(job.id, specOf('price < 50', {}, 'max'));
    expect(job.inspect().revision).toBe(3);
    expect(await job.outcome).toMatchObject({ outcome: 'completed', counters: { rowsIn: ROWS } });
    expect(rowsOf()).toEqual(
      rowsBy(
        ROWS,
        (price) => price < 50,
        () => false,
      ),
    );
  });

  it('is refused before the run ends where its state cannot follow, naming each change', async () => {
    const { runtime, job, specOf, folder } = await startJob();
    const other = specOf('price < 50', {
      name: 'prints',
      operators: [{ use: 'derive', columns: { twice: 'price * 2' } }],
    });
    const refused = (spec: PipelineSpec) => runtime.update('prints', spec).catch((error) => error);
    expect(await refused(other)).toMatchObject({
      code: 'UPDATE_REFUSED',
      message: expect.stringContaining('Sink "csv": its columns would be different: twice'),
    });
    const elsewhere = specOf('price < 50', { sink: { use: 'csv', path: join(folder, 'else.csv') } });
    expect(await refused(elsewhere)).toMatchObject({
      code: 'UPDATE_REFUSED',
      message: expect.stringContaining('sink.path'),
    });
    expect(await refused({ ...elsewhere, name: 'other' })).toMatchObject({ code: 'UPDATE_REFUSED' });
    expect(job.inspect()).toMatchObject({ revision: 1, runs: [{ attempt: 1 }] });
  });
});
