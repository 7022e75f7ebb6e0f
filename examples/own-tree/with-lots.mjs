// @ts-check
import { BatchPool, copyRow, rowsOf } from 'tickloom/stages';

/** @import { Input, OperatorFactory, Row, Schema } from 'tickloom/stages' */

/** Where the input stands in the options, which is its id. */
const TABLE = 'table';

/** @type {OperatorFactory<unknown>} */
export const withLots = {
  plan(_options, input, problems, { inputs }) {
    for (const name of ['symbol', 'price', 'size']) {
      if (!input.columns.some((column) => column.name === name))
        problems.add([], `expected a column "${name}"`);
    }
    const table = inputs[TABLE]?.columns.map(({ name }) => name) ?? [];
    if (!table.includes('symbol') || !table.includes('size')) {
      problems.add([TABLE], `expected the columns "symbol" and "size", found ${table.join(', ')}`);
    }
    return { ...input, kind: 'custom', columns: [...input.columns, { name: 'lots', type: 'float64' }] };
  },

  create(_options, input, { dictionaries, batchRows, inputs }) {
    const output = /** @type {Schema} */ ({
      ...input,
      kind: 'custom',
      columns: [...input.columns, { name: 'lots', type: 'float64' }],
    });
    const pool = new BatchPool(output, batchRows, dictionaries);
    const table = /** @type {Input} */ (inputs[TABLE]);
    /** @type {Map<string, Row> | undefined} */
    let lotOf;
    return {
      output,
      readsOnly: true,
      async process(batch, emit) {
        // The table is a recording, so it may be waited for; it is read only once rows are there.
        lotOf ??= await readTable(table);
        const made = pool.acquire();
        for (const [i, column] of batch.columns.entries()) made.columns[i]?.set(column.subarray(0));
        const [price, size, lots] = [batch.float64('price'), batch.float64('size'), made.float64('lots')];
        let row = 0;
        for (const { symbol } of rowsOf(batch)) {
          const lot = Number(lotOf.get(String(symbol))?.size ?? Number.NaN); // NaN is null
          lots[row] = (Number(price[row]) * Number(size[row])) / lot;
          row++;
        }
        made.length = batch.length;
        made.controls = batch.controls;
        batch.release();
        emit(made);
      },
      // A start that resumes reads the input from where it was, which is its end.
      snapshot: () =>
        lotOf ? Object.fromEntries([...lotOf].map(([symbol, { size }]) => [symbol, Number(size)])) : null,
      restore(state) {
        const saved = /** @type {Record<string, number> | null} */ (state);
        if (saved) lotOf = new Map(Object.entries(saved).map(([symbol, size]) => [symbol, { symbol, size }]));
      },
      close: () => pool.close(),
    };
  },
};

/** @param {Input} table */
async function readTable(table) {
  /** @type {Map<string, Row>} */
  const rows = new Map();
  for (let batch = await table.read(); batch; batch = await table.read()) {
    // One object shows each row in turn: what is kept is copied.
    for (const row of rowsOf(batch)) rows.set(String(row.symbol), copyRow(row));
    batch.release();
  }
  return rows;
}
