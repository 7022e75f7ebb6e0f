// Question: what does a merge of several sources cost, beside the same number of rows from one source?
//
// Sources are synthetic, so rows cost little themselves, and what a merge adds shows. Interleaved: after each
// row of one source comes a row of another, the worst case. In turns: each source has an hour to itself. Rows of one
// instant go by sequence, if they have one: beside a column that only has another name, it shows what that costs.

import type { BenchContext, BenchResult } from './support/bench-result.js';
import { type Contender, measureRates } from './support/measure.js';
import { runOurs } from './support/run-ours.js';

const ROWS = 4_000_000;
const QUICK_ROWS = 80_000;
const HOUR_MS = 3_600_000;
const START_MS = Date.parse('2024-01-02T00:00:00Z');

/** One of several sources that have all rows together. */
function part(rows: number, sources: number, index: number, isInTurns: boolean) {
  const startMs = START_MS + (isInTurns ? index * HOUR_MS : 0);
  return {
    use: 'synthetic',
    kind: 'quote',
    seed: index + 1,
    rows: rows / sources,
    symbols: 100,
    start: new Date(startMs).toISOString(),
    interval: isInTurns ? '1us' : `${sources}us`,
  } as const;
}

/** @param column - One more column, without any meaning. */
const merge = (rows: number, sources: number, isInTurns = false, column?: string) =>
  ({
    use: 'merge',
    sources: Array.from({ length: sources }, (_, i) => ({
      ...part(rows, sources, i, isInTurns),
      ...(column !== undefined && {
        operators: [{ use: 'derive' as const, columns: { [column]: 'bidSize' } }],
      }),
    })),
  }) as const;

export default async function benchMergeSources(context: BenchContext): Promise<BenchResult[]> {
  const count = context.quick ? QUICK_ROWS : ROWS;
  const ours = (name: string, source: ReturnType<typeof merge> | ReturnType<typeof part>): Contender => ({
    name,
    ours: true,
    count,
    run: () => runOurs({ name: 'merge', source, sink: { use: 'null' } }),
  });
  return measureRates(
    'rows',
    [
      ours('tickloom, one source of all rows', part(count, 1, 0, false)),
      ours('tickloom, merge of 1', merge(count, 1)),
      ours('tickloom, merge of 2, interleaved', merge(count, 2)),
      ours('tickloom, merge of 4, interleaved', merge(count, 4)),
      ours('tickloom, merge of 4, in turns', merge(count, 4, true)),
      ours('tickloom, merge of 4, interleaved, one more column', merge(count, 4, false, 'other')),
      ours('tickloom, merge of 4, interleaved, the same as sequence', merge(count, 4, false, 'sequence')),
    ],
    context,
  );
}
