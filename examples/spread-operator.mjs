// An operator of one's own, row by row: adds the spread in basis points and keeps the wide ones.
// examples/wide-spreads.yaml uses it.
import { defineRowOperator } from 'tickloom/stages';

export default defineRowOperator({
  columns: [{ name: 'spreadBps', type: 'float64' }],
  check(options, input, problems) {
    if (input.kind !== 'quote') problems.add([], `expected quotes, found rows of kind ${input.kind}`);
    if (!(options?.min >= 0))
      problems.add(['options', 'min'], 'expected a number of basis points, 0 or more');
  },
  onRow(row, { options }) {
    row.spreadBps = ((row.ask - row.bid) / row.bid) * 10_000;
    return row.spreadBps >= options.min; // false drops the row
  },
});
