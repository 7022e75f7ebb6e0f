import { describe, expect, it } from 'vitest';
import { uncheckedSpec } from '../../src/plan/typed-spec.js';
import { createPipeline, type PipelineOptions } from '../../src/runtime/pipeline-builder.js';
import type { Checkpoint } from '../../src/wire/checkpoint.js';
import type { PipelineReport } from '../../src/wire/pipeline-report.js';
import { countingSink } from '../support/counting-sink.js';
import { nestedStages } from '../support/nested-stages.js';

const components = nestedStages();
const NULL = { use: 'null' };
const counting = (rest: object = {}) => ({ use: 'counting', rows: 30, batch: 4, ...rest });
const where = (condition: string) => ({ use: 'filter', where: condition });

const pipelineOf = (spec: object, options: PipelineOptions = {}) =>
  createPipeline(uncheckedSpec({ name: 'rows', batcher: { maxRows: 1 }, ...spec }), {
    components,
    ...options,
  });

/** What became of the rows of each operator, without what is 0. */
const rowsOf = ({ stages }: PipelineReport) =>
  Object.fromEntries(
    stages
      .filter(({ kind }) => kind === 'operator')
      .map(({ stage, statistics }) => [
        stage,
        Object.fromEntries(Object.entries(statistics).filter(([, count]) => count !== 0)),
      ]),
  );

describe('the rows of an operator', () => {
  it('are told from those of the others, which the counters add up', async () => {
    const operators = [where('n > 2'), { use: 'running' }, where('n < 100')];
    const report = await pipelineOf({ source: counting(), operators, sink: NULL }).run();
    expect(rowsOf(report)).toEqual({
      'operators[0]': { rowsIn: 30, rowsFiltered: 2, rowsOut: 28 },
      'operators[1]': { rowsIn: 28, rowsOut: 28 },
      'operators[2]': { rowsIn: 28, rowsFiltered: 17, rowsOut: 11 },
    });
    expect(report.counters.rowsFiltered).toBe(19);
  });

  it('are told in inputs and branches, too', async () => {
    const side = counting({ rows: 60 });
    const zip = { use: 'zip', with: side, operators: [where('n % 2 == 0')] };
    const branches = [NULL, { ...NULL, operators: [where('n > 5000'), where('n > 9000')] }];
    const sink = { use: 'tee', branches };
    const report = await pipelineOf({ source: counting(), operators: [zip], sink }).run();
    const rows = rowsOf(report);
    expect(rows['operators[0]']).toEqual({ rowsIn: 30, rowsOut: 30 });
    // It may have been read further than it was asked for.
    expect(rows['operators[0].operators[0]']).toMatchObject({ rowsIn: 60, rowsFiltered: 30, rowsOut: 30 });
    expect(rows['sink.branches[1].operators[0]']).toEqual({ rowsIn: 30, rowsFiltered: 4, rowsOut: 26 });
    expect(rows['sink.branches[1].operators[1]']).toEqual({ rowsIn: 26, rowsFiltered: 4, rowsOut: 22 });
  });

  it('are held until it has answered them, also if it is cut short', async () => {
    const synthetic = { use: 'synthetic', kind: 'trade', rows: 100 };
    const bars = { use: 'bars', every: '1h' };
    const pipeline = createPipeline(uncheckedSpec({ name: 'rows', source: synthetic, operators: [bars] }), {
      sink: {
        create: () => ({
          capabilities: { delivery: 'append' },
          write() {
            throw new Error('the disk is gone');
          },
          flush: () => ({ rows: 0, position: null }),
        }),
      },
    });
    const report = await pipeline.run();
    expect(report.error?.message).toContain('the disk is gone');
    const { rowsIn, rowsDerived, rowsFolded, rowsOut, rowsHeld } = report.stages[1]!.statistics;
    expect([rowsIn, rowsFolded]).toEqual([100, 100]);
    expect(rowsDerived).toBe(rowsOut! + rowsHeld!);
  });

  it('are counted over all starts of a run, with the counters that add them up', async () => {
    const zip = { use: 'zip', with: counting({ rows: 60 }), operators: [where('n % 2 == 0')] };
    const spec = {
      source: counting(),
      operators: [where('n > 2'), { use: 'running' }, zip, where('n < 90000')],
    };
    const whole = await pipelineOf(spec, { sink: countingSink([]) }).run();

    let taken: Promise<Checkpoint> | undefined;
    const first = pipelineOf(spec, {
      sink: countingSink([], 3, () => {
        taken ??= first.checkpoint().then(async (checkpoint) => {
          await first.stop();
          return checkpoint;
        });
        taken.catch(() => {});
      }),
    });
    await first.run();
    const checkpoint = JSON.parse(JSON.stringify(await taken)) as Checkpoint;
    const second = await pipelineOf(spec, { sink: countingSink([]), checkpoint }).run();

    const ofBoth = (report: PipelineReport) => [rowsOf(report), report.counters.rowsFiltered];
    expect(ofBoth(second)).toEqual(ofBoth(whole));
    expect(checkpoint.states.source).toBeLessThan(30);
  });
});
