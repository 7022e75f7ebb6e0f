import { Batch } from '../../../src/columns/batch.js';
import type { BatchPool } from '../../../src/columns/batch-pool.js';
import type { PlacedControl } from '../../../src/columns/control-record.js';
import type { DictionarySet } from '../../../src/columns/dictionary.js';
import { copyRow, type Row, RowView, rowsOf } from '../../../src/columns/row-view.js';
import type { Schema } from '../../../src/columns/schema.js';
import { packRows } from '../../../src/columns/selection.js';
import type { OperatorFactory } from '../../../src/engine/factories.js';
import type { Operator } from '../../../src/engine/operator.js';
import { collectProblems } from '../../support/stage-context.js';

/** One column of every type, two dictionaries, and a null wherever one may be. */
export const MIXED: Schema = {
  kind: 'custom',
  columns: [
    { name: 'time', type: 'timestamp' },
    { name: 'received', type: 'timestamp' },
    { name: 'symbol', type: 'string', nullable: true },
    { name: 'venue', type: 'string', nullable: true },
    { name: 'bid', type: 'float64', nullable: true },
    { name: 'ask', type: 'float64', nullable: true },
    { name: 'count', type: 'int32' },
    { name: 'id', type: 'int64' },
    { name: 'side', type: 'enum', values: ['unknown', 'buy', 'sell'] },
    { name: 'flag', type: 'boolean' },
  ],
};

/** A batch of these rows; a column that a row leaves out is null, 0 or false. */
export function batchOf(
  schema: Schema,
  rows: readonly Partial<Row>[],
  dictionaries: DictionarySet,
  {
    pool,
    capacity = 64,
    controls = [] as PlacedControl[],
  }: { pool?: BatchPool; capacity?: number; controls?: PlacedControl[] } = {},
): Batch {
  const batch = pool ? pool.acquire() : new Batch(schema, capacity, dictionaries);
  batch.length = rows.length;
  batch.controls = [...controls];
  const view = new RowView(schema).over(batch);
  rows.forEach((row, i) => {
    const target = view.at(i);
    for (const { name, type, values } of schema.columns) {
      const empty = type === 'timestamp' || type === 'int64' ? 0n : type === 'enum' ? values![0]! : 0;
      const nullish = type === 'float64' || type === 'string' ? null : type === 'boolean' ? false : empty;
      target[name] = (Object.hasOwn(row, name) ? row[name] : undefined) ?? nullish;
    }
  });
  return batch;
}

/** Runs batches through an operator and takes out what comes, batch by batch. */
export function run(operator: Operator, batches: readonly Batch[]) {
  const out: { rows: Row[]; controls: PlacedControl[]; schema: Schema }[] = [];
  for (const batch of batches) {
    operator.process(batch, (emitted) => {
      packRows(emitted); // as the chain of operators does for whoever takes no selections
      out.push({
        rows: Array.from(rowsOf(emitted), copyRow),
        controls: emitted.controls,
        schema: emitted.schema,
      });
      emitted.release();
    });
  }
  return out;
}

/** What a plan says, with its problems as `path: message`. */
export function plan<Options>(factory: OperatorFactory<Options>, options: Options, input: Schema) {
  const problems = collectProblems();
  const output = factory.plan(options, input, problems, { hasDeadLetters: false, inputs: {} });
  return { output, problems: problems.found };
}
