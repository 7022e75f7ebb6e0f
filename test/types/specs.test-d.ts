/** What of a spec does not compile. Checked by `npm run check`, never run. */
import {
  createPipeline,
  type OperatorSpec,
  type PipelineRuntime,
  type PipelineSpec,
  resolveSpec,
  uncheckedSpec,
} from '../../src/index.js';

declare const runtime: PipelineRuntime;

// What is right compiles, as written and as constants.
const frozen = {
  name: 'frozen',
  source: {
    use: 'replay',
    path: ['a.csv', 'b.csv'],
    kind: 'trade',
    columns: { time: { from: 1, unit: 'ms' }, symbol: { value: 'A' }, price: 'price' },
    budget: { provider: 'feed' },
    breaker: 'feed',
  },
  operators: [
    { use: 'filter', where: 'price > 0' },
    { use: 'derive', columns: { twice: 'price * 2', named: { value: 'symbol', type: 'string' } } },
    { use: 'select', drop: ['twice'] },
    { use: 'bars', every: '1m', late: 'drop' },
    { use: 'module', path: './mine.mjs', options: { anything: [1, 2] } },
  ],
  batcher: { maxRows: 100 },
  sink: { use: 'parquet', path: 'out', partitionBy: ['symbol', 'day'] },
} as const satisfies PipelineSpec;
runtime.submit(frozen);
createPipeline(frozen);
createPipeline({ name: 'open', source: { budget: { provider: 'feed' } } });
runtime.submit({ name: 'a', source: { use: 'synthetic', rows: 10 }, sink: { use: 'null' } });

// A wrong name of a component.
runtime.submit({
  name: 'a',
  // @ts-expect-error: there is no source "synthetc"
  source: { use: 'synthetc', rows: 10 },
  sink: { use: 'null' },
});
// @ts-expect-error: there is no sink "parket"
runtime.submit({ name: 'a', source: { use: 'synthetic' }, sink: { use: 'parket', path: 'out' } });
// @ts-expect-error: a source is no operator
export const replayed: OperatorSpec = { use: 'replay', path: 'a.csv' };

// A wrong name of an option.
runtime.submit({
  name: 'a',
  // @ts-expect-error: synthetic has no "rwos"
  source: { use: 'synthetic', rwos: 10 },
  sink: { use: 'null' },
});
createPipeline({
  name: 'a',
  source: { use: 'synthetic' },
  // @ts-expect-error: parquet has no "delimiter", which csv has
  sink: { use: 'parquet', path: 'out', delimiter: ';' },
});
createPipeline({
  name: 'a',
  source: {
    use: 'replay',
    path: 'a.csv',
    kind: 'trade',
    // @ts-expect-error: a column has no "form"
    columns: { time: { form: 'time' } },
  },
});
createPipeline({
  name: 'a',
  source: { use: 'synthetic' },
  // @ts-expect-error: null has no options
  sink: { use: 'null', path: 'out' },
});
// @ts-expect-error: the batcher has no "maxRow"
createPipeline({ name: 'a', source: { use: 'synthetic' }, batcher: { maxRow: 1 } });
// @ts-expect-error: a spec has no "operator"
createPipeline({ name: 'a', source: { use: 'synthetic' }, operator: [] });

// A wrong value of an option, or none.
// @ts-expect-error: a duration is a text with its unit
export const bars: OperatorSpec = { use: 'bars', every: 60 };
// @ts-expect-error: "where" is missing
export const filter: OperatorSpec = { use: 'filter' };
// @ts-expect-error: expected "stop", "drop" or "keep"
export const late: OperatorSpec = { use: 'bars', every: '1m', late: 'deadLetter' };

// Data from outside compiles, and is checked when it is taken.
declare const fromOutside: unknown;
resolveSpec(fromOutside);
runtime.submit(uncheckedSpec(fromOutside));
createPipeline(uncheckedSpec(fromOutside));
// @ts-expect-error: but not by accident
runtime.submit(fromOutside);
