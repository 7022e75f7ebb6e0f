// An operator of one's own that works on columns: lets through rows whose 64-bit sequence is above
// the last one of their symbol, since this feed sends some twice. Its state is part of checkpoints.
// examples/own-stages.mjs runs it, as a module.
// @ts-check
import { asBigInt64Array, compareInt64, defineOperator } from 'tickloom/stages';

/** @import { Batch } from 'tickloom/stages' */

export default defineOperator({
  plan(_options, input, problems) {
    const sequence = input.columns.find(({ name }) => name === 'sequence');
    if (sequence?.type !== 'int64') problems.add([], 'expected rows with a column "sequence" of type int64');
    return input;
  },

  create(_options, input) {
    /** @type {Map<string, bigint>} */
    const last = new Map();
    let dropped = 0;
    return {
      output: input,
      process(batch, emit) {
        const kept = newerRows(batch, last);
        dropped += batch.length - kept.length;
        if (kept.length < batch.length) keepRows(batch, kept);
        emit(batch);
      },
      tally: () => ({ dropped }),
      // Plain data has no bigint: texts keep all 64 bits.
      snapshot: () => ({
        dropped,
        last: Object.fromEntries([...last].map(([symbol, at]) => [symbol, `${at}`])),
      }),
      restore(state) {
        const saved = /** @type {{ dropped: number, last: Record<string, string> }} */ (state);
        dropped = saved.dropped;
        for (const [symbol, at] of Object.entries(saved.last)) last.set(symbol, BigInt(at));
      },
    };
  },
});

/**
 * @param {Batch} batch
 * @param {Map<string, bigint>} last
 */
function newerRows(batch, last) {
  const words = batch.int32('sequence');
  const sequence = asBigInt64Array(words);
  const ids = batch.int32('symbol');
  const symbols = batch.dictionaries.get('symbol');
  const kept = [];
  for (let row = 0; row < batch.length; row++) {
    // Most often a row follows one of its own symbol: that takes no bigint.
    const isRepeated = row > 0 && ids[row] === ids[row - 1] && compareInt64(words, row, words, row - 1) <= 0;
    const symbol = symbols.at(ids[row] ?? -1) ?? '';
    const at = sequence[row] ?? 0n;
    if (isRepeated || at <= (last.get(symbol) ?? -1n)) continue;
    last.set(symbol, at);
    kept.push(row);
  }
  return kept;
}

/**
 * Moves the rows together. Records of control stay where they are in the stream.
 * @param {Batch} batch
 * @param {number[]} kept
 */
function keepRows(batch, kept) {
  for (const column of batch.columns) {
    const width = column.length / batch.capacity;
    for (const [to, from] of kept.entries()) column.copyWithin(to * width, from * width, (from + 1) * width);
  }
  batch.controls = batch.controls.map(({ row, record }) => ({
    row: kept.filter((each) => each < row).length,
    record,
  }));
  batch.length = kept.length;
}
