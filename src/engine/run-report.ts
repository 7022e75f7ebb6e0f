import { toWireError, type WireError } from '../core/errors.js';
import { redactedBeginning } from '../core/redact.js';
import { cutText } from '../core/shown-text.js';
import type { Nanos } from '../core/units.js';
import { droppedRows, rowsPending } from '../shared-memory/counters.js';
import { leftOutRows } from '../wire/left-out-rows.js';
import type { PipelineReport, StageHealth, StageReport, StageStatistics } from '../wire/pipeline-report.js';
import { placesOf, type StagePlace } from '../wire/stage-tree.js';
import type { PipelineBranches } from './branches/pipeline-branches.js';
import type { Downstream } from './downstream.js';
import type { EventTimeLag } from './event-time/event-time-lag.js';
import type { SourceIntake } from './intake/source-intake.js';
import type { NamedOperator } from './operator-rows.js';
import type { PipelineParts } from './pipeline-parts.js';
import type { Named, Stage } from './stage.js';

/** The result of a run, apart from its counters. */
export interface RunResult extends Pick<PipelineReport, 'reason' | 'durationMs' | 'stages' | 'durable'> {
  /** When it began, on the clock's `now()`. */
  readonly began: Nanos;
  readonly error: unknown;
}

/** Returns the report of a run, as plain data. */
export function runReport(
  { counters, sink, batcher, dictionaries, rejects }: PipelineParts,
  { reason, error, durable, began, ...result }: RunResult,
): PipelineReport {
  const values = counters.read();
  const { firstRowAtNs } = values;
  const failure = reason === 'error' ? toWireError(error) : undefined;
  return {
    outcome: outcomeOf(reason),
    reason,
    ...((reason === 'bounded' || reason === 'sliced') && { bound: 'rows' as const }),
    ...(failure && { error: failure }),
    counters: values,
    rowsPending: rowsPending(values),
    dropped: droppedRows(values),
    leftOut: leftOutRows(values, result.stages, rejects.count),
    ...(firstRowAtNs > 0 && { firstBatchMs: (firstRowAtNs - Number(began)) / 1e6 }),
    columnBytesPeak: dictionaries.memory.peak,
    outputs: sink.stage.outputs?.() ?? [],
    ...(durable && { durable }),
    flushes: { ...batcher.stage.flushes },
    ...result,
    stages: failure ? result.stages.map((stage) => withFailure(stage, failure)) : result.stages,
  };
}

/** What a pipeline knows of its stages. */
export interface ReportSources {
  readonly lag: EventTimeLag;
  readonly branches: PipelineBranches;
  readonly intake: SourceIntake;
  readonly downstream: Downstream;
  /** Why reading is paused, if the source is not the reason. */
  readonly heldBack: string | undefined;
}

/** Returns the reports of all stages. */
export function stageReports(
  parts: PipelineParts,
  { lag, branches, intake, downstream, heldBack }: ReportSources,
): readonly StageReport[] {
  const { source, operators, batcher, sink } = parts;
  const places = placesOf<Named<Stage>>(parts);
  const known = new Map<Named<Stage>, StageStatistics>([
    [source, { ...intake.statistics(), ...lag.ofSource() }],
    ...operators.map((operator, i) => [operator, lag.ofOperator(i)] as const),
    [batcher, lag.ofBatcher()],
    // Branches say it themselves.
    [sink, { ...lag.ofSink(), ...(!sink.branches && { rowsNotDurable: downstream.rowsNotDurable }) }],
    ...places.flatMap(({ stage }) =>
      Object.values(stage.inputs ?? {}).map((input) => [input.source, input.statistics()] as const),
    ),
    ...places.flatMap(({ stage }) =>
      Object.values(stage.branches ?? {}).flatMap((branch) => [...branch.statistics()]),
    ),
  ]);
  const troubles = new Map(
    places.flatMap(({ stage }) =>
      Object.values(stage.inputs ?? {}).map((input): [Named<Stage>, string | undefined] => [
        input.source,
        input.trouble,
      ]),
    ),
  );
  return places.map((place) => {
    const { kind, stage } = place;
    const rows = kind === 'operator' ? (stage as NamedOperator).rows.statistics() : {}; // the kind says what it is
    const report = reportOf(place, { ...rows, ...known.get(stage) });
    return withHealth(
      report,
      stage === source ? (heldBack ?? intake.trouble) : (troubles.get(stage) ?? branches.troubleOf(stage)),
    );
  });
}

function outcomeOf(reason: PipelineReport['reason']): PipelineReport['outcome'] {
  if (reason === 'error') return 'failed';
  return reason === 'stopped' || reason === 'suspended' ? 'stopped' : 'completed';
}

const reportOf = (
  { id, kind, stage: { use, name, stage: of } }: StagePlace<Named<Stage>>,
  statistics: StageStatistics,
): StageReport => ({
  stage: id,
  kind,
  ...(name !== undefined && { name }),
  use,
  health: withoutCredentials(of.health?.() ?? { status: 'ok' }),
  statistics: { ...of.statistics?.(), ...statistics },
});

/** Characters of the reason that a stage gives for its health. */
const REASON_CHARS_MAX = 1_024;

/** Redacts the reason, which may be a message from a client, and cuts it. */
const withoutCredentials = (health: StageHealth): StageHealth =>
  health.status === 'ok' ? health : { ...health, reason: redactedBeginning(health.reason, REASON_CHARS_MAX) };

/** Marks the stage that the run failed in. */
function withFailure(report: StageReport, { stage, message }: WireError): StageReport {
  if (report.stage !== stage) return report;
  return { ...report, health: { status: 'failed', reason: cutText(message, REASON_CHARS_MAX) } };
}

/** Marks a stage as degraded, unless it reports a problem itself. */
function withHealth(report: StageReport, degraded: string | undefined): StageReport {
  if (degraded === undefined || report.health.status !== 'ok') return report;
  const health: StageHealth = { status: 'degraded', reason: degraded };
  return { ...report, health };
}
