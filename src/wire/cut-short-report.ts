import type { WireError } from '../core/errors.js';
import { type CounterValues, droppedRows, rowsPending } from '../shared-memory/counters.js';
import { leftOutRows } from './left-out-rows.js';
import type { PipelineReport } from './pipeline-report.js';

/**
 * Builds the report of a run that could not report itself, since its thread is gone or never started. All
 * that is known are the counters in shared memory.
 */
export function cutShortReport(run: {
  /** `completed`: there was nothing left to do. */
  readonly outcome: 'stopped' | 'failed' | 'completed';
  readonly error?: WireError | undefined;
  readonly counters: CounterValues;
  readonly durationMs: number;
}): PipelineReport {
  return {
    outcome: run.outcome,
    reason: REASONS[run.outcome],
    ...(run.error && { error: run.error }),
    counters: run.counters,
    rowsPending: rowsPending(run.counters),
    dropped: droppedRows(run.counters),
    leftOut: leftOutRows(run.counters, [], 0),
    durationMs: run.durationMs,
    outputs: [],
    flushes: { rows: 0, bytes: 0, age: 0, keys: 0, control: 0, drain: 0 },
    stages: [],
  };
}

const REASONS = { failed: 'error', stopped: 'stopped', completed: 'nothing left' } as const;
