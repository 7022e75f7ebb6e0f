// @ts-check
import { defineRowOperator } from 'tickloom/stages';

/** @type {import('tickloom/stages').OperatorFactory<{ min: number }>} */
export const wideSpreads = defineRowOperator({
  columns: [{ name: 'spreadBps', type: 'float64' }],
  check(_options, input, problems) {
    if (input.kind !== 'quote') problems.add([], `expected quotes, found rows of kind ${input.kind}`);
  },
  onRow(row, { options }) {
    const bid = Number(row.bid);
    const spreadBps = ((Number(row.ask) - bid) / bid) * 10_000;
    row.spreadBps = spreadBps;
    return spreadBps >= options.min; // false drops the row
  },
});
