import { DictionarySet } from '../../src/columns/dictionary.js';
import { SYMBOLS_IN_ORDER } from '../../src/columns/event-order.js';
import type { Schema } from '../../src/columns/schema.js';
import { StageBranch } from '../../src/engine/branches/stage-branch.js';
import type { CheckpointSaver } from '../../src/engine/cuts/checkpoint-keeper.js';
import type { Operator } from '../../src/engine/operator.js';
import { type KeptRejects, stopOnReject } from '../../src/engine/rejects.js';
import type { Sink } from '../../src/engine/sink.js';
import type { Source } from '../../src/engine/source.js';
import type { Named, StageContext } from '../../src/engine/stage.js';
import { StreamingPipeline } from '../../src/engine/streaming-pipeline.js';
import { QueueOptions, type QueueSettings } from '../../src/settings/queue-options.js';
import { Counters } from '../../src/shared-memory/counters.js';
import { BatcherOptions } from '../../src/stages/batchers/smart/options.js';
import { smartBatcher } from '../../src/stages/batchers/smart/smart-batcher.js';
import type { SplitSinkOptions } from '../../src/stages/sinks/split/options.js';
import { splitSink } from '../../src/stages/sinks/split/split.js';
import { teeSink } from '../../src/stages/sinks/tee/tee.js';
import { type Logger, silentLogger } from '../../src/telemetry/logger.js';
import type { Checkpoint, RunIdentity } from '../../src/wire/checkpoint.js';
import type { OwnerPlace } from '../../src/wire/stage-tree.js';
import { namedOperators } from './named-operators.js';
import { SimulatedClock } from './simulated-clock.js';
import { stageContext } from './stage-context.js';

/** Makes a sink for its columns. */
type MakeSink = (input: Schema, context: StageContext) => Sink;

/** A sink at the end of a line, or one that passes rows on. */
export type SinkSpec =
  | { readonly sink: Sink | MakeSink }
  | { readonly tee: readonly BranchSpec[]; readonly cutDeadlineMs?: number }
  | {
      readonly split: Readonly<Record<string, BranchSpec & { readonly when: string }>>;
      readonly otherwise?: BranchSpec;
      readonly match?: 'first' | 'all';
    };

export type BranchSpec = SinkSpec & {
  readonly name?: string;
  /** Made in order, each for the columns of the one before. */
  readonly operators?: readonly ((input: Schema, context: StageContext) => Operator)[];
  readonly batcher?: Partial<BatcherOptions>;
  readonly queue?: Partial<QueueSettings>;
};

export interface BranchedSettings {
  readonly source: (context: StageContext) => Source;
  readonly sink: SinkSpec;
  readonly batcher?: Partial<BatcherOptions>;
  readonly clock?: SimulatedClock;
  readonly counters?: Counters;
  readonly rejects?: KeptRejects;
  readonly saver?: CheckpointSaver;
  readonly checkpoint?: Checkpoint;
  readonly log?: Logger;
  readonly dictionaries?: DictionarySet;
  readonly run?: RunIdentity;
}

const RUN: RunIdentity = { id: 'run', epoch: 1, owner: { host: 'here', process: 'test', thread: 0 } };

/** A pipeline with a tree of branches, of stages that a test has made itself. */
export function branchedPipeline(settings: BranchedSettings): StreamingPipeline {
  const { clock = new SimulatedClock(), rejects = stopOnReject(), log = silentLogger } = settings;
  const { dictionaries = new DictionarySet(), checkpoint, saver, run = RUN } = settings;
  if (checkpoint) dictionaries.restore(checkpoint.dictionaries);
  const stopping = new AbortController();
  const context = stageContext({
    clock,
    dictionaries,
    rejects,
    log,
    run,
    stopping: stopping.signal,
    resuming: checkpoint !== undefined,
    checkpointed: saver !== undefined,
    epoch: saver && run.epoch,
  });
  const source = settings.source(context);
  const batcher = smartBatcher.create(BatcherOptions.parse(settings.batcher ?? {}), source.schema, context);
  return new StreamingPipeline({
    source: { id: 'source', use: 'feed', stage: source },
    operators: [],
    batcher: { id: 'batcher', use: 'smart', stage: batcher },
    sink: sinkOf(settings.sink, source.schema, { path: ['sink'], key: 'sink' }, context, rejects),
    job: 'test',
    run,
    spec: {},
    rejects,
    dictionaries,
    counters: settings.counters ?? new Counters(),
    clock,
    log,
    stopping,
    ...(saver && { saver }),
    ...(checkpoint && { checkpoint }),
  });
}

function sinkOf(
  spec: SinkSpec,
  input: Schema,
  owner: OwnerPlace,
  context: StageContext,
  rejects: KeptRejects,
): Named<Sink> {
  const id = textOf(owner);
  if ('sink' in spec) {
    const stage = typeof spec.sink === 'function' ? spec.sink(input, context) : spec.sink;
    return { id, use: 'kept', title: `Sink "kept" (${id})`, stage };
  }
  const specs: [(string | number)[], BranchSpec][] =
    'tee' in spec
      ? spec.tee.map((branch, i) => [['branches', i], branch])
      : Object.entries(spec.split).map(([route, branch]) => [['routes', route], branch]);
  if ('split' in spec && spec.otherwise) specs.push([['otherwise'], spec.otherwise]);
  const branches = Object.fromEntries(
    specs.map(([at, branch]) => [at.join('.'), branchOf(branch, at, input, owner, context, rejects)]),
  );
  const inside = { ...context, branches };
  if ('tee' in spec) {
    const stage = teeSink.create(
      { branches: [], cutDeadlineMs: spec.cutDeadlineMs ?? 30_000 },
      input,
      inside,
    );
    return { id, use: 'tee', stage, branches };
  }
  const { match = 'first', split: routes } = spec;
  return {
    id,
    use: 'split',
    stage: splitSink.create(
      { match, routes, cutDeadlineMs: 30_000 } as unknown as SplitSinkOptions,
      input,
      inside,
    ),
    branches,
  };
}

function branchOf(
  spec: BranchSpec,
  at: readonly (string | number)[],
  input: Schema,
  owner: OwnerPlace,
  context: StageContext,
  rejects: KeptRejects,
): StageBranch {
  const { dictionaries, clock, log } = context;
  let branch: StageBranch | undefined;
  let schema = input;
  const operators = (spec.operators ?? []).map((make) => {
    const stage = make(schema, { ...context, wake: () => branch?.wake() });
    schema = stage.output;
    return stage;
  });
  const path = [...owner.path, ...at];
  const id = textOf({ path });
  const { name } = spec;
  const key = name === undefined ? textOf({ path: [owner.key, ...at] }) : `"${name}"`;
  branch = new StageBranch({
    at,
    id,
    key,
    owner,
    operators: namedOperators(operators, `${id}.`),
    batcher: {
      id: `${id}.batcher`,
      use: 'smart',
      stage: smartBatcher.create(BatcherOptions.parse(spec.batcher ?? {}), schema, context),
    },
    sink: { ...sinkOf(spec, schema, { path, key }, context, rejects), name },
    queue: QueueOptions.parse(spec.queue ?? {}),
    input,
    order: SYMBOLS_IN_ORDER,
    dictionaries,
    clock,
    rejects,
    log,
  });
  return branch;
}

const textOf = ({ path }: Pick<OwnerPlace, 'path'>): string =>
  path.reduce<string>(
    (text, key) => (typeof key === 'number' ? `${text}[${key}]` : text === '' ? key : `${text}.${key}`),
    '',
  );
