/**
 * The public API.
 *
 * @module tickloom
 */
export { builtInCalendar, calendarNames, tradingCalendar } from './calendars/built-in-calendars.js';
export type {
  CalendarData,
  DateException,
  DayEffect,
  HolidayRule,
  HoursChange,
  HoursKind,
  Observance,
  OpenHours,
  Weekday,
  Weekdays,
  WeeklySession,
} from './calendars/calendar-data.js';
export type {
  ClosedReason,
  ClosedState,
  MarketState,
  OpenState,
  SessionPart,
  TradingSession,
  UnknownHours,
  UnknownState,
} from './calendars/market-state.js';
export { type CalendarOptions, TradingCalendar } from './calendars/trading-calendar.js';
export type { HoursView } from './calendars/trading-days.js';
export type { CheckpointStore, Fence, StoredKey } from './checkpoints/checkpoint-store.js';
export { Batch } from './columns/batch.js';
export { BatchPool } from './columns/batch-pool.js';
export type { ColumnMemory, MemoryShare } from './columns/column-memory.js';
export type { ControlRecord, PlacedControl } from './columns/control-record.js';
export { type Dictionary, type DictionarySet, NO_STRING } from './columns/dictionary.js';
export type { EventOrder } from './columns/event-order.js';
export {
  asBigInt64Array,
  compareInt64,
  readEpochMillis,
  readInt64,
  readNanos,
  readSubMillis,
  writeEpochMillis,
  writeInt64,
} from './columns/int64.js';
export type { RowOrigin, RowSpot } from './columns/row-origin.js';
export { copyRow, type Row, type RowValue, RowView, rowsOf } from './columns/row-view.js';
export {
  BAR_MARKS,
  BOOK_ACTIONS,
  BOOK_SIDES,
  type Column,
  type ColumnData,
  type ColumnType,
  type RowKind,
  type Schema,
  STANDARD_COLUMNS,
  TRADE_SIDES,
} from './columns/schema.js';
export { type Clock, systemClock } from './core/clock.js';
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
export type { EventStreamOptions } from './core/event-log.js';
export { hideSecrets } from './core/hide-secrets.js';
export type { InspectMachine, MachineInspection } from './core/machine-inspection.js';
export type { PlainData } from './core/plain-data.js';
export {
  ProviderError,
  type ProviderErrorDetails,
  type RefusedResponse,
  responseError,
} from './core/provider-error.js';
export type { ProviderErrorCode, ProviderErrorKind } from './core/provider-error-table.js';
export type { RandomState } from './core/random.js';
export { type Millis, millis, type Nanos, nanos } from './core/units.js';
export { readCalendar } from './documents/read-calendar.js';
export type { Batcher } from './engine/batcher.js';
export type { Branch, BranchCut, BranchPosition } from './engine/branch.js';
export type { CallGate, CallOptions, GatedCall, UsedPermits } from './engine/call-gate.js';
export {
  branchOption,
  type Component,
  type ComponentKind,
  defineComponent,
  type FactoryOf,
  inputOption,
  secret,
} from './engine/component.js';
export type {
  BatcherFactory,
  OperatorFactory,
  PlanProblems,
  SinkFactory,
  SourceFactory,
  SpecFacts,
  TakenOver,
  TakeOver,
} from './engine/factories.js';
export type { Input } from './engine/input.js';
export type { KnownWaits } from './engine/known-waits.js';
export type { LastRow, LastRows } from './engine/last-rows.js';
export type { Emit, Operator, OperatorTally } from './engine/operator.js';
export type { Rejects } from './engine/rejects.js';
export type { Durable, Sink } from './engine/sink.js';
export type { SinkCapabilities } from './engine/sink-capabilities.js';
export type { Source } from './engine/source.js';
export type { SourceCapabilities } from './engine/source-capabilities.js';
export type { Loads, Stage, StageContext, StreamFacts } from './engine/stage.js';
export type { StreamingPipeline } from './engine/streaming-pipeline.js';
export { type ComponentFacts, specJsonSchema } from './plan/spec-json-schema.js';
export {
  type BatcherSpec,
  type OpenSpec,
  type OperatorSpec,
  type PipelineSpec,
  type SinkSpec,
  type SourceSpec,
  uncheckedSpec,
} from './plan/typed-spec.js';
export { defineProvider, type ProviderDefinition } from './providers/contract/define-provider.js';
export type {
  BarHistoryRequest,
  BarStreamRequest,
  HistoryRequest,
  Instrument,
  InstrumentsRequest,
  MarketDataProvider,
  OptionContract,
  OptionsChainRequest,
  Page,
  ProviderContext,
  ProviderFactory,
  ProviderStatus,
  StreamRequest,
  TickHistoryRequest,
  TickWriter,
} from './providers/contract/market-data-provider.js';
export type {
  BarRow,
  BarWriter,
  BookRow,
  BookWriter,
  GapNote,
  QuoteRow,
  QuoteWriter,
  RowColumn,
  RowTimes,
  RowWriter,
  TradeRow,
  TradeWriter,
} from './providers/contract/row-writers.js';
export { builtIn } from './registry/built-in.js';
export { Registry } from './registry/registry.js';
export type { Resilience } from './resilience/resilience-client.js';
export type { ResilienceCoordinator } from './resilience/resilience-coordinator.js';
export { type ComponentList, type ListOptions, listComponents } from './runtime/list-components.js';
export {
  type InstrumentListOptions,
  listInstruments,
  listOptions,
  type OptionListOptions,
  type ProviderListOptions,
} from './runtime/list-instruments.js';
export { createPipeline, PipelineBuilder, type PipelineOptions } from './runtime/pipeline-builder.js';
export type { PipelineRuntime } from './runtime/pipeline-runtime.js';
export { type ResolveOptions, resolveSpec } from './runtime/resolve-spec.js';
export { createRuntime, type RuntimeOptions } from './runtime/runtime.js';
export type { SubscribeOptions } from './runtime/subscribe-options.js';
export type { UpdateOptions } from './runtime/update-options.js';
export type { GroupHandle, GroupInfo } from './service/groups/group-handle.js';
export type { Schedule } from './service/schedules/schedule-options.js';
export type { ScheduleProgress } from './service/schedules/schedule-progress.js';
export type { ScheduleOptions } from './service/schedules/schedule-settings.js';
export type { ScheduleHandle, ScheduleInfo } from './service/schedules/scheduled-job.js';
export type { SubmitOptions } from './service/submit-options.js';
export type { BranchPlace } from './settings/branch-place.js';
export type { InputMark } from './settings/input-mark.js';

export type { OptionPath } from './settings/marked-options.js';
export type { OverflowPolicy } from './settings/overflow-policy.js';
export type { CounterValues, DroppedRows, RunCounters } from './shared-memory/counters.js';
export {
  defineOperator,
  defineRowOperator,
  type OperatorDefinition,
} from './stages/operators/row-operator/define-operator.js';
export type {
  RowContext,
  RowOperatorDefinition,
} from './stages/operators/row-operator/row-operator-definition.js';
export { type BatchCallback, callbackSink } from './stages/sinks/callback.js';
export { FileJobStore, type FileJobStoreOptions } from './store/file-job-store.js';
export { HeldLease } from './store/held-lease.js';
export type { JobRecord, JobStore, ScheduleRecord, StoredJobs } from './store/job-store.js';
export type { Lease, LeaseRequest, LeaseStore } from './store/lease-store.js';
export { MemoryJobStore } from './store/memory-job-store.js';
export { MemoryLeaseStore } from './store/memory-lease-store.js';
export type {
  BreakerChange,
  DependencyPoint,
  EventOfJob,
  GroupFailure,
  JobDependency,
  JobEndState,
  JobHandle,
  JobInfo,
  JobReport,
  JobState,
  JobTerms,
  JobTransition,
  JobWish,
  MissedEvents,
  RuntimeEvent,
  StalledRows,
  WaitReason,
} from './supervision/job.js';
export type { JobRun } from './supervision/job-runs.js';
export type { RestartPolicy, Restarts } from './supervision/restart-policy.js';
export type { Logger } from './telemetry/logger.js';
export type {
  ConsumerTerms,
  ProducerTerms,
  TopicFence,
  TopicPort,
  TopicPublisher,
  TopicReader,
} from './topics/topic-port.js';
export type { TopicInfo } from './topics/topic-registry.js';
export type { TopicSubscription } from './topics/topic-subscription.js';
export type { Bound, JobBounds, RowBounds, RowProgress } from './wire/bounds.js';
export type {
  Checkpoint,
  CheckpointWithoutStrings,
  Owner,
  RunIdentity,
  SpecFingerprint,
  Undecided,
} from './wire/checkpoint.js';
export type { DeclaredComponent } from './wire/declared-component.js';
export type { CannotTakePart, ExactlyOnce } from './wire/exactly-once.js';
export type {
  FlushReason,
  LeftOutRows,
  PipelineReport,
  StageHealth,
  StageReport,
  StageStatistics,
} from './wire/pipeline-report.js';
export {
  ASSET_CLASSES,
  type AssetClass,
  type DeclaredProvider,
  HISTORY_KINDS,
  type HistoryCapabilities,
  type HistoryKind,
  PROVIDER_CONTRACT,
  type ProviderCapabilities,
  type RateScope,
  type RowCapabilities,
  type SequenceNumbers,
  STREAM_KINDS,
  type StreamCapabilities,
  type StreamKind,
} from './wire/provider-capabilities.js';
export type {
  OutsideStage,
  ResolvedBranch,
  ResolvedInput,
  ResolvedSpec,
  ResolvedStage,
  SourceGateSettings,
  StageCalendar,
} from './wire/resolved-spec.js';
export type { StageFacts } from './wire/stage-facts.js';
export type { NamedPath, StageFiles, WrittenPath } from './wire/stage-files.js';
export type { Path } from './wire/stage-tree.js';
export type { ConsumerSettings } from './wire/topic-messages.js';
