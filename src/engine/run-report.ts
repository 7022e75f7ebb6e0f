import { toWireError } from '../core/errors.js';
import { redact } from '../core/redact.js';
import { droppedRows, rowsPending } from '../shared-memory/counters.js';
import type { PipelineReport, StageHealth, StageReport, StageStatistics } from '../wire/pipeline-report.js';
import { placesOf } from '../wire/stage-tree.js';
import type { EventTimeLag } from './event-time-lag.js';
import type { PipelineParts } from './pipeline-parts.js';
import type { Named, Stage } from './stage.js';

/** The result of a run, apart from its stages and counters. */
export interface RunResult extends Pick<PipelineReport, 'reason' | 'durationMs' | 'stages' | 'durable'> {
  readonly error: unknown;
}

/** Returns the report of a run, as plain data. */
export function runReport(
  { counters, sink, batcher, dictionaries }: PipelineParts,
  { reason, error, durable, ...result }: RunResult,
): PipelineReport {
  const values = counters.read();
  return {
    outcome: outcomeOf(reason),
    reason,
    ...(reason === 'error' && { error: toWireError(error) }),
    counters: values,
    rowsPending: rowsPending(values),
    dropped: droppedRows(values),
    columnBytesPeak: dictionaries.memory.peak,
    outputs: sink.stage.outputs?.() ?? [],
    ...(durable && { durable }),
    flushes: { ...batcher.stage.flushes },
    ...result,
  };
}

/**
 * Returns the reports of all stages.
 * @param heldBack - Why reading is paused, if the source is not the reason.
 */
export function stageReports(
  parts: PipelineParts,
  lag: EventTimeLag,
  heldBack: string | undefined,
): readonly StageReport[] {
  const { source, operators, batcher, sink } = parts;
  const lags = new Map<Named<Stage>, StageStatistics>([
    [source, lag.ofSource()],
    ...operators.map((operator, i) => [operator, lag.ofOperator(i)] as const),
    [batcher, lag.ofBatcher()],
    [sink, lag.ofSink()],
  ]);
  const places = placesOf<Named<Stage>>(parts);
  const ofInputs = new Map<Named<Stage>, StageStatistics>(
    places.flatMap(({ stage }) =>
      Object.values(stage.inputs ?? {}).map((input) => [input.source, input.statistics()] as const),
    ),
  );
  return places.map(({ id, stage }) => {
    const report = reportOf(id, stage, lags.get(stage) ?? ofInputs.get(stage) ?? {});
    return stage === source ? withHealth(report, heldBack) : report;
  });
}

function outcomeOf(reason: PipelineReport['reason']): PipelineReport['outcome'] {
  if (reason === 'error') return 'failed';
  return reason === 'stopped' || reason === 'suspended' ? 'stopped' : 'completed';
}

const reportOf = (
  stage: string,
  { use, name, stage: of }: Named<Stage>,
  statistics: StageStatistics,
): StageReport => ({
  stage,
  ...(name !== undefined && { name }),
  use,
  health: withoutCredentials(of.health?.() ?? { status: 'ok' }),
  statistics: { ...of.statistics?.(), ...statistics },
});

/** Redacts the reason, which may be a message from a client. */
const withoutCredentials = (health: StageHealth): StageHealth =>
  health.status === 'ok' ? health : { ...health, reason: redact(health.reason) };

/** Marks a stage as degraded, unless it reports a problem itself. */
function withHealth(report: StageReport, degraded: string | undefined): StageReport {
  if (degraded === undefined || report.health.status !== 'ok') return report;
  const health: StageHealth = { status: 'degraded', reason: degraded };
  return { ...report, health };
}
