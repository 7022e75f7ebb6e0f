import { type Counters, RUN_COUNTERS } from '../shared-memory/counters.js';
import type { RowBounds, RowProgress } from './bounds.js';
import type { Checkpoint } from './checkpoint.js';
import { cutShortReport } from './cut-short-report.js';
import type { PipelineReport } from './pipeline-report.js';

/**
 * Builds the report of a start that found nothing left to do: the start before had published all rows and saved its
 * last checkpoint, and was gone before it could report. The counts are those of that checkpoint; which files there
 * are is not known.
 *
 * @param run - `counters` are set to these counts. `bounds`: those of the job.
 */
export function endedReport(
  checkpoint: Checkpoint,
  run: {
    readonly counters: Counters;
    readonly bounds: RowBounds | undefined;
    readonly durationMs: number;
  },
): PipelineReport {
  const { counters, bounds, durationMs } = run;
  for (const name of RUN_COUNTERS) counters.set(name, checkpoint.counters[name]);
  const reason = endedReason(checkpoint, bounds);
  return {
    ...cutShortReport({ outcome: 'stopped', counters: counters.read(), durationMs }),
    outcome: 'completed',
    reason,
    ...(reason === 'bounded' && { bound: 'rows' as const }),
  };
}

/** Why a run had ended whose last checkpoint this is. */
export function endedReason(
  checkpoint: Checkpoint,
  bounds: RowBounds | undefined,
): 'end of input' | 'drained' | 'bounded' {
  if (checkpoint.ended?.how !== 'drained') return 'end of input';
  const { maxRows = Number.POSITIVE_INFINITY } = bounds ?? {};
  return (rowProgressOf(checkpoint)?.rowsGiven ?? 0) >= maxRows ? 'bounded' : 'drained';
}

/** Which rows a run had given at a checkpoint. Of an earlier release, only what was rejected is counted in addition. */
export const rowProgressOf = ({ isReset, progress, counters }: Checkpoint): RowProgress | undefined =>
  isReset ? undefined : (progress ?? { rowsGiven: counters.rowsIn });
