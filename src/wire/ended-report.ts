import { type Counters, RUN_COUNTERS } from '../shared-memory/counters.js';
import type { Checkpoint } from './checkpoint.js';
import { cutShortReport } from './cut-short-report.js';
import type { PipelineReport } from './pipeline-report.js';

/**
 * Builds the report of a start that found nothing left to do: the start before had published all rows and saved its
 * last checkpoint, and was gone before it could report. The counts are those of that checkpoint; which files there
 * are is not known.
 *
 * @param counters - Are set to these counts.
 */
export function endedReport(
  { ended, counters: counts }: Checkpoint,
  counters: Counters,
  durationMs: number,
): PipelineReport {
  for (const name of RUN_COUNTERS) counters.set(name, counts[name]);
  return {
    ...cutShortReport({ outcome: 'stopped', counters: counters.read(), durationMs }),
    outcome: 'completed',
    reason: ended?.how === 'drained' ? 'drained' : 'end of input',
  };
}
