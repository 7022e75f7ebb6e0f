// Written by .ci/built-in.mjs from the folders of src/stages and src/providers: do not edit.
import binanceProviders from '../providers/binance/component.js';
import smartBatcher from '../stages/batchers/smart/component.js';
import asofOperator from '../stages/operators/asof/component.js';
import barsOperator from '../stages/operators/bars/component.js';
import deriveOperator from '../stages/operators/derive/component.js';
import filterOperator from '../stages/operators/filter/component.js';
import moduleOperator from '../stages/operators/module/component.js';
import selectOperator from '../stages/operators/select/component.js';
import sessionsOperator from '../stages/operators/sessions/component.js';
import consoleSink from '../stages/sinks/console/component.js';
import csvSink from '../stages/sinks/csv/component.js';
import duckdbSink from '../stages/sinks/duckdb/component.js';
import jsonlSink from '../stages/sinks/jsonl/component.js';
import nullSink from '../stages/sinks/null/component.js';
import parquetSink from '../stages/sinks/parquet/component.js';
import postgresSink from '../stages/sinks/postgres/component.js';
import splitSink from '../stages/sinks/split/component.js';
import teeSink from '../stages/sinks/tee/component.js';
import topicSink from '../stages/sinks/topic/component.js';
import duckdbSource from '../stages/sources/duckdb/component.js';
import mergeSource from '../stages/sources/merge/component.js';
import postgresSource from '../stages/sources/postgres/component.js';
import replaySource from '../stages/sources/replay/component.js';
import routerSource from '../stages/sources/router/component.js';
import syntheticSource from '../stages/sources/synthetic/component.js';
import topicSource from '../stages/sources/topic/component.js';
import { Registry } from './registry.js';

/** The components and providers that come with the package. */
export const BUILT_IN = [
  duckdbSource,
  mergeSource,
  postgresSource,
  replaySource,
  routerSource,
  syntheticSource,
  topicSource,
  asofOperator,
  barsOperator,
  deriveOperator,
  filterOperator,
  moduleOperator,
  selectOperator,
  sessionsOperator,
  smartBatcher,
  consoleSink,
  csvSink,
  duckdbSink,
  jsonlSink,
  nullSink,
  parquetSink,
  postgresSink,
  splitSink,
  teeSink,
  topicSink,
  ...binanceProviders,
] as const;

/** The registry of these. */
export const builtIn = new Registry(BUILT_IN);
