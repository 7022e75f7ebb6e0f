import { describe, expect, it } from 'vitest';
import { Counters } from '../../src/shared-memory/counters.js';
import { endsByBound } from '../../src/supervision/job-bounds.js';
import type { JobContext } from '../../src/supervision/job-context.js';
import type { RowBounds } from '../../src/wire/bounds.js';
import { endedReport } from '../../src/wire/ended-report.js';
import { checkpointOf } from '../checkpoints/checkpoint-of.js';

/** Of a run that gave 5 rows of its source. */
const reportOf = (how: 'completed' | 'drained', bounds?: RowBounds) =>
  endedReport(checkpointOf(5, { ended: { how, isPublished: true }, progress: { rowsGiven: 5 } }), {
    counters: new Counters(),
    bounds,
    durationMs: 1,
  });

describe('the report of a run that had ended before its start was lost', () => {
  it('tells of the bound that the run came to, so that no policy begins another one', () => {
    const report = reportOf('drained', { maxRows: 5 });
    expect(report).toMatchObject({ outcome: 'completed', reason: 'bounded', bound: 'rows' });
    const context = { bounds: { maxRows: 5 } } as JobContext; // all that is looked at
    expect(endsByBound(context, { type: 'pipeline.ended', report })).toBe(true);
  });

  it.each([
    ['was drained before its rows had come', 'drained', { maxRows: 6 }, 'drained'],
    ['was drained without a bound', 'drained', undefined, 'drained'],
    ['came to the end of its source with its last row', 'completed', { maxRows: 5 }, 'end of input'],
  ] as const)('tells of none if it %s', (_, how, bounds, reason) => {
    const report = reportOf(how, bounds);
    expect(report).toMatchObject({ outcome: 'completed', reason });
    expect(report.bound).toBeUndefined();
  });

  it('goes by the rows that came in where an earlier release has written the checkpoint', () => {
    const { counters } = checkpointOf(5);
    const own = checkpointOf(5, {
      ended: { how: 'drained', isPublished: true },
      counters: { ...counters, rowsIn: 5 },
    });
    const run = { counters: new Counters(), bounds: { maxRows: 5 }, durationMs: 1 };
    expect(endedReport(own, run).bound).toBe('rows');
  });
});
