/**
 * What an author of a source, operator or sink needs, and of a component. All of it is in the main entry,
 * too; this one loads neither the runtime nor the checks of specs, and so suits modules, which load in a
 * thread.
 *
 * @module tickloom/stages
 */
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
  InvalidRowError,
  PipelineError,
  RuntimeError,
} from './core/errors.js';
export { hideSecrets } from './core/hide-secrets.js';
export type { PlainData } from './core/plain-data.js';
export {
  ProviderError,
  type ProviderErrorDetails,
  type RefusedResponse,
  responseError,
} from './core/provider-error.js';
export type { ProviderErrorCode, ProviderErrorKind } from './core/provider-error-table.js';
export { type Nanos, nanos } from './core/units.js';
export type { Batcher } from './engine/batcher.js';
export type { Branch, BranchCut, BranchPosition } from './engine/branch.js';
export type { CallGate, CallOptions, GatedCall, UsedPermits } from './engine/call-gate.js';
export {
  branchOption,
  type Component,
  type ComponentKind,
  defineComponent,
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
export type { Stage, StageContext, StreamFacts } from './engine/stage.js';
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
  Frame,
  HttpAnswer,
  Network,
  RequestOptions,
  Socket,
  SocketEnd,
  SocketListener,
  SocketOptions,
} from './providers/contract/network.js';
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
export type { Logger } from './telemetry/logger.js';
export type { RunIdentity } from './wire/checkpoint.js';
export type { StageHealth, StageStatistics } from './wire/pipeline-report.js';
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
export type { StageFacts } from './wire/stage-facts.js';
export type { NamedPath, StageFiles, WrittenPath } from './wire/stage-files.js';
