/**
 * Names to factories. Each component's code is imported when a spec uses it, so that a thread
 * starts with what it needs and no more. No schema is loaded here: options were checked before.
 */
import { PipelineError } from '../core/errors.js';
import { invariant } from '../core/invariant.js';
import type { BatcherFactory, OperatorFactory, SinkFactory, SourceFactory } from '../engine/factories.js';
import type { ModuleOptions } from '../stages/operators/module/options.js';
import type { ResolvedStage } from '../wire/resolved-spec.js';

type Load = (stage: ResolvedStage) => Promise<unknown>;
type Loaders = ReadonlyMap<string, Load>;

const SOURCES: Loaders = new Map<string, Load>([
  ['synthetic', async () => (await import('../stages/sources/synthetic/synthetic.js')).syntheticSource],
  ['replay', async () => (await import('../stages/sources/replay/replay.js')).replaySource],
]);

const OPERATORS: Loaders = new Map<string, Load>([
  ['filter', async () => (await import('../stages/operators/filter/filter.js')).filterOperator],
  ['derive', async () => (await import('../stages/operators/derive/derive.js')).deriveOperator],
  ['select', async () => (await import('../stages/operators/select/select.js')).selectOperator],
  ['bars', async () => (await import('../stages/operators/bars/bars.js')).barsOperator],
  [
    'module',
    async ({ options, file }) => {
      invariant(file !== undefined, 'the file of a module is found before it is loaded');
      return (await import('../stages/operators/module/module.js')).loadModuleOperator(
        options as ModuleOptions,
        file,
      );
    },
  ],
]);

const BATCHERS: Loaders = new Map<string, Load>([
  ['smart', async () => (await import('../stages/batchers/smart/smart-batcher.js')).smartBatcher],
]);

const SINKS: Loaders = new Map<string, Load>([
  ['parquet', async () => (await import('../stages/sinks/parquet/parquet.js')).parquetSink],
  ['csv', async () => (await import('../stages/sinks/csv/csv.js')).csvSink],
  ['jsonl', async () => (await import('../stages/sinks/jsonl/jsonl.js')).jsonlSink],
  ['console', async () => (await import('../stages/sinks/console/console.js')).consoleSink],
  ['null', async () => (await import('../stages/sinks/null/null.js')).nullSink],
]);

// The casts below are true because the catalogue checks a component's options by the schema that
// its factory is written against, under the same name.

export const loadSource = (stage: ResolvedStage) =>
  load(SOURCES, 'source', stage) as Promise<SourceFactory<unknown>>;

export const loadOperator = (stage: ResolvedStage) =>
  load(OPERATORS, 'operator', stage) as Promise<OperatorFactory<unknown>>;

export const loadBatcher = (stage: ResolvedStage) =>
  load(BATCHERS, 'batcher', stage) as Promise<BatcherFactory<unknown>>;

export const loadSink = (stage: ResolvedStage) => load(SINKS, 'sink', stage) as Promise<SinkFactory<unknown>>;

function load(loaders: Loaders, kind: string, stage: ResolvedStage): Promise<unknown> {
  const { use } = stage;
  const loader = loaders.get(use);
  if (!loader) {
    throw new PipelineError(
      'SPEC_INVALID',
      `There is no ${kind} "${use}"; there is ${[...loaders.keys()].join(', ')}`,
    );
  }
  return loader(stage);
}
