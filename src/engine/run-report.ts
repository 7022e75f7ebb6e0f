import { toWireError } from '../core/errors.js';
import { redact } from '../core/redact.js';
import { droppedRows, rowsPending } from '../shared-memory/counters.js';
import type { PipelineReport, StageHealth, StageReport, StageStatistics } from '../wire/pipeline-report.js';
import type { EventTimeLag } from './event-time-lag.js';
import type { PipelineParts } from './pipeline-parts.js';
import type { Named, Stage } from './stage.js';
import { operatorId } from './stage-states.js';

/** What a run has come to, beside what its stages and counters say. */
export interface RunResult extends Pick<PipelineReport, 'reason' | 'durationMs' | 'stages' | 'durable'> {
  readonly error: unknown;
}

/** How a run ended, as plain data. */
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
 * What each stage says of itself.
 * @param heldBack - Why nothing is read, where that is not the source's doing.
 */
export function stageReports(
  { source, operators, batcher, sink }: PipelineParts,
  lag: EventTimeLag,
  heldBack: string | undefined,
): readonly StageReport[] {
  return [
    withHealth(reportOf('source', source, lag.ofSource()), heldBack),
    ...operators.map((operator, i) => reportOf(operatorId(i), operator, lag.ofOperator(i))),
    reportOf('batcher', batcher, lag.ofBatcher()),
    reportOf('sink', sink, lag.ofSink()),
  ];
}

function outcomeOf(reason: PipelineReport['reason']): PipelineReport['outcome'] {
  if (reason === 'error') return 'failed';
  return reason === 'stopped' || reason === 'suspended' ? 'stopped' : 'completed';
}

const reportOf = (
  stage: string,
  { use, stage: of }: Named<Stage>,
  statistics: StageStatistics,
): StageReport => ({
  stage,
  use,
  health: withoutCredentials(of.health?.() ?? { status: 'ok' }),
  statistics: { ...of.statistics?.(), ...statistics },
});

/** A stage may give what a client told it as the reason. */
const withoutCredentials = (health: StageHealth): StageHealth =>
  health.status === 'ok' ? health : { ...health, reason: redact(health.reason) };

/** Unless the stage has something worse to say of itself. */
function withHealth(report: StageReport, degraded: string | undefined): StageReport {
  if (degraded === undefined || report.health.status !== 'ok') return report;
  const health: StageHealth = { status: 'degraded', reason: degraded };
  return { ...report, health };
}
