/** The public API. */
export type { CheckpointStore, Fence, StoredKey } from './checkpoints/checkpoint-store.js';
export { Batch } from './core/batch.js';
export { BatchPool } from './core/batch-pool.js';
export { type Clock, systemClock } from './core/clock.js';
export type { ColumnMemory, MemoryShare } from './core/column-memory.js';
export type { ControlRecord, PlacedControl } from './core/control-record.js';
export {
  type BadRow,
  type ErrorCode,
  InvalidOptionsError,
  InvalidRowError,
  InvalidSpecError,
  PipelineError,
  RemoteError,
  RuntimeError,
  type SpecProblem,
  type WireError,
} from './core/errors.js';
export type { EventOrder } from './core/event-order.js';
export { hideSecrets } from './core/hide-secrets.js';
export {
  ProviderError,
  type ProviderErrorDetails,
} from './core/provider-error.js';
export type { ProviderErrorCode, ProviderErrorKind } from './core/provider-error-table.js';
export { copyRow, type Row, type RowValue, RowView, rowsOf } from './core/row-view.js';
export type { Column, ColumnType, RowKind, Schema } from './core/schema.js';
export { type Millis, millis, type Nanos, nanos } from './core/units.js';
export type { Guards } from './guard/guards.js';
export { defineOperator, defineRowOperator } from './operators/define-operator.js';
export type { Batcher } from './pipeline/batcher.js';
export type { CallGate, CallOptions, GatedCall } from './pipeline/call-gate.js';
export type {
  BatcherFactory,
  NamedPath,
  OperatorFactory,
  PlanProblems,
  SinkFactory,
  SourceFactory,
  StageFiles,
  WrittenPath,
} from './pipeline/factories.js';
export type { Emit, Operator, OperatorTally } from './pipeline/operator.js';
export type { Durable, Sink, SinkCapabilities } from './pipeline/sink.js';
export type { Source, SourceCapabilities } from './pipeline/source.js';
export type { Stage, StageContext } from './pipeline/stage.js';
export type { StreamingPipeline } from './pipeline/streaming-pipeline.js';
export type { Checkpoint, Owner, RunIdentity } from './protocol/checkpoint.js';
export type { CounterValues, DroppedRows } from './protocol/counters.js';
export type { PipelineReport, StageReport } from './protocol/pipeline-report.js';
export { COMPONENTS, type ComponentInfo } from './registry/catalogue.js';
export {
  createPipeline,
  type OpenSpec,
  PipelineBuilder,
  type PipelineOptions,
} from './registry/pipeline-builder.js';

export { specJsonSchema } from './registry/spec-json-schema.js';
export { type ResolveOptions, resolveSpec } from './runtime/resolve-spec.js';
export { createRuntime, type PipelineRuntime, type RuntimeOptions } from './runtime/runtime.js';
export type { PipelineSpec } from './settings/pipeline-spec.js';
export type { ResolvedSpec } from './settings/resolved-spec.js';
export { type BatchCallback, callbackSink } from './sinks/callback.js';
export type {
  JobHandle,
  JobInfo,
  JobReport,
  JobState,
  JobTransition,
  RuntimeEvent,
} from './supervisor/job.js';
export type { Logger } from './telemetry/logger.js';
