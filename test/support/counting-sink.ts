import { copyRow, type Row, rowsOf } from '../../src/columns/row-view.js';
import type { SinkFactory } from '../../src/engine/factories.js';

/** A sink that keeps rows; its position is how many there are. Calls back once it has `at` of them. */
export function countingSink(
  rows: Row[],
  at = Number.POSITIVE_INFINITY,
  reached = () => {},
): SinkFactory<unknown> {
  return {
    create: () => ({
      capabilities: { delivery: 'append' },
      write(batch) {
        rows.push(...Array.from(rowsOf(batch), copyRow));
        batch.release();
        if (rows.length >= at) reached();
      },
      flush: () => ({ rows: rows.length, position: rows.length }),
    }),
  };
}
