import { ColumnMemory, megabytes } from '../columns/column-memory.js';
import { DictionarySet } from '../columns/dictionary.js';
import type { Schema } from '../columns/schema.js';
import type { Clock } from '../core/clock.js';
import { InvalidSpecError, PipelineError } from '../core/errors.js';
import { randomId } from '../core/random-id.js';
import { unlimitedGate } from '../engine/call-gate.js';
import type { CheckpointSaver } from '../engine/cuts/checkpoint-keeper.js';
import type { DeadLetterFile, DeadLetterOptions } from '../engine/dead-letters/dead-letter-file.js';
import { KnownWaits } from '../engine/known-waits.js';
import type { Operator } from '../engine/operator.js';
import { stopOnReject } from '../engine/rejects.js';
import type { Sink } from '../engine/sink.js';
import type { Source } from '../engine/source.js';
import type { Named, Stage } from '../engine/stage.js';
import { StreamingPipeline } from '../engine/streaming-pipeline.js';
import { RoomOnDisk, type RoomSettings } from '../outputs/disk/room-on-disk.js';
import { builtIn } from '../registry/built-in.js';
import type { Registry } from '../registry/registry.js';
import type { Resilience } from '../resilience/resilience-client.js';
import type { Counters } from '../shared-memory/counters.js';
import type { Logger } from '../telemetry/logger.js';
import type { RowBounds } from '../wire/bounds.js';
import type { Checkpoint, RunIdentity } from '../wire/checkpoint.js';
import { ownerOfThread } from '../wire/owner-of-thread.js';
import type { ResolvedSpec, ResolvedStage, SourceGateSettings } from '../wire/resolved-spec.js';
import { placesInLine, placesOf, type StageTree } from '../wire/stage-tree.js';
import type { TopicLinks } from '../wire/topic-messages.js';
import { columnsInto } from './columns-into.js';
import { partsOfStages, problemOfNoStore, problemsOfExactlyOnce } from './exactly-once.js';
import { checkpointFor } from './fit-checkpoint.js';
import { lossyBranches, problemsOfLoss, refusedBranches, type SinkPromise } from './lossy-branches.js';
import { problemsOfDeciders } from './one-decider.js';
import { openGateOf } from './open-gate.js';
import { problemsOfDoubles } from './rows-twice.js';
import { fingerprintOf } from './spec-fingerprint.js';
import { loadWithNested, outputBehind, outputOf, StageMaker, type StageMaking } from './stage-maker.js';
import type { StageOverrides } from './stage-overrides.js';

/** What a pipeline needs besides its spec. */
export interface PipelineEnvironment {
  readonly clock: Clock;
  readonly log: Logger;
  readonly counters: Counters;
  /** Where it says which stage the thread is in. */
  readonly atWork?: Int32Array | undefined;
  readonly overrides?: StageOverrides;
  /** The components that the spec can use. Default: those of this package. */
  readonly registry?: Registry | undefined;
  /** Time that each stage has to open. A supervisor has its own deadline for the whole start. */
  readonly openDeadlineMs?: number;
  /** Budgets and breakers. Required if the spec names any. */
  readonly resilience?: Resilience;
  /** The way to the topics of the runtime. Required if the spec names any. */
  readonly topics?: TopicLinks;
  /** Where an earlier start of a run of the same spec left off. */
  readonly checkpoint?: Checkpoint;
  /** Identifies the run and the start. Default: the next start of the checkpoint's run, or a new run. */
  readonly run?: RunIdentity;
  /** Saves checkpoints. */
  readonly saver?: CheckpointSaver;
  /** How many rows of its source it may take. */
  readonly bounds?: RowBounds | undefined;
  /** When another run may follow this one. Missing: none does. */
  readonly restarts?: 'on-failure' | 'always';
}

/**
 * Creates the pipeline of a checked spec in the calling thread. Opens nothing.
 *
 * @throws {InvalidSpecError} for a spec that was sound when it was checked: a file or a component has changed. And for
 *   one that could write rows twice after a restart.
 * @throws {PipelineError} `CHECKPOINT_INVALID` if the checkpoint belongs to another spec.
 */
export async function instantiate(
  spec: ResolvedSpec,
  environment: PipelineEnvironment,
): Promise<StreamingPipeline> {
  const {
    clock,
    log,
    counters,
    overrides = {},
    registry = builtIn,
    openDeadlineMs,
    saver,
    topics,
  } = environment;
  const checkpoint = environment.checkpoint && checkpointFor(environment.checkpoint, spec);
  const { run = checkpoint ? nextStart(checkpoint) : firstStart() } = environment;
  const openGateFor = (settings: SourceGateSettings | undefined, use: string) =>
    openGateOf(settings, use, environment);
  const places = placesInLine<ResolvedStage>(spec);
  const source = await loadWithNested(
    registry,
    'source',
    places.source,
    openGateFor,
    spec.gate,
    overrides.source,
  );
  const operators = await Promise.all(
    places.operators.map((operator) => loadWithNested(registry, 'operator', operator, openGateFor)),
  );
  const batcher = await loadWithNested(registry, 'batcher', places.batcher, openGateFor);
  const sink = await loadWithNested(registry, 'sink', places.sink, openGateFor, undefined, overrides.sink);

  const memory = new ColumnMemory(megabytes(spec.maxMemoryMb));
  const dictionaries = new DictionarySet(memory);
  if (checkpoint) dictionaries.restore(checkpoint.dictionaries);
  const stopping = new AbortController();
  const knownWaits = new KnownWaits();
  const room = { clock, log, stopping: stopping.signal, knownWaits };
  const rejects = spec.deadLetter ? await deadLetters(spec.deadLetter, room) : stopOnReject();
  const context: StageMaking['context'] = {
    job: spec.name,
    clock,
    seed: spec.seed,
    log,
    dictionaries,
    memory,
    batchRows: spec.batchRows,
    rejects,
    gate: unlimitedGate,
    run,
    stopping: stopping.signal,
    knownWaits,
    ...(topics && { topics }),
    ...(checkpoint && { resuming: true }),
    ...(saver && {
      checkpointed: true,
      epoch: run.epoch,
      keyId: saver.keyId,
      databaseKey: saver.databaseKey,
    }),
  };

  const hasDeadLetters = spec.deadLetter !== undefined;
  const maker = new StageMaker({ context, rejects, hasDeadLetters });
  let pipeline: StreamingPipeline | undefined;
  const parts = makeStages();
  const refused = refusedBranches(lossyBranches(spec, columnsInto<ResolvedStage>(spec, outputsOf(parts))), {
    hasStore: saver !== undefined,
    source: parts.source.stage.capabilities.delivery,
    sinks: promisesOf(parts),
  });
  const deciding = placesOf<Named<Stage>>(parts).filter(
    ({ kind, stage: { stage } }) => kind === 'sink' && (stage as Sink).capabilities.decides, // the kind says what it is
  );
  const isExact = spec.delivery === 'exactly-once';
  const problems = [
    ...(isExact && !saver ? [problemOfNoStore()] : []),
    // Queues were looked at when the spec was checked.
    ...(isExact
      ? problemsOfExactlyOnce(partsOfStages(placesOf<Named<Stage>>(parts), registry), [], registry)
      : []),
    ...problemsOfDeciders(deciding.map(({ path, stage: { use } }) => ({ path, use }))),
    ...problemsOfLoss(refused),
    ...problemsOfDoubles(placesOf<Named<Stage>>(parts), {
      restarts: environment.restarts,
      hasStore: saver !== undefined,
    }),
  ];
  if (problems.length > 0) throw new InvalidSpecError(`spec "${spec.name}"`, problems);
  pipeline = new StreamingPipeline({
    ...parts,
    ...(spec.queue && { queue: spec.queue }),
    rejects,
    dictionaries,
    counters,
    clock,
    log,
    stopping,
    knownWaits,
    ...(environment.atWork && { atWork: environment.atWork }),
    openDeadlineMs,
    job: spec.name,
    run,
    spec: fingerprintOf(spec),
    ...(checkpoint && { checkpoint }),
    ...(saver && { saver }),
    ...(environment.bounds && { bounds: environment.bounds }),
  });
  return pipeline;

  function makeStages() {
    const first = maker.source(source, spec.queue);
    const made = maker.operators(outputOf(first.stage), operators, () => pipeline?.wakeOperators());
    const closing = maker.batcher(batcher, made);
    return {
      source: first,
      operators: made.operators,
      batcher: closing,
      sink: maker.sink(sink, outputBehind(closing, made)),
    };
  }
}

/** Returns the columns that come out of sources and operators, by id. */
function outputsOf(parts: StageTree<Named<Stage>>): ReadonlyMap<string, Schema> {
  const outputs = placesOf<Named<Stage>>(parts).flatMap(({ id, kind, stage: { stage } }) => {
    if (kind === 'source') return [[id, (stage as Source).schema] as const]; // the kind says what it is
    return kind === 'operator' ? [[id, (stage as Operator).output] as const] : [];
  });
  return new Map(outputs);
}

/** Returns what each sink without branches promises. */
function promisesOf(parts: StageTree<Named<Stage>>): readonly SinkPromise[] {
  return placesOf<Named<Stage>>(parts)
    .filter(({ kind, stage }) => kind === 'sink' && !stage.branches)
    .map(({ id, path, stage: { stage } }) => {
      return { id, path, delivery: (stage as Sink).capabilities.delivery }; // the kind says what it is
    });
}

const firstStart = (): RunIdentity => ({ id: randomId(), epoch: 1, owner: ownerOfThread() });

/**
 * The next start after a checkpoint that the caller kept without a store. Only the caller can make sure
 * that a checkpoint is resumed once.
 *
 * @throws {PipelineError} `CHECKPOINT_INVALID` for a run that has ended.
 */
function nextStart({ run, job, ended }: Checkpoint): RunIdentity {
  if (ended?.isPublished) {
    throw new PipelineError(
      'CHECKPOINT_INVALID',
      `Expected a checkpoint of an unfinished run; this one of job "${job}" has ${ended.how === 'drained' ? 'been drained' : 'completed'}. ` +
        'Start over without it',
    );
  }
  return { id: run.id, epoch: run.epoch + 1, owner: ownerOfThread() };
}

/** Imported on demand: without dead letters, many threads never load Node's `fs/promises`. */
async function deadLetters(
  options: Pick<DeadLetterOptions, 'path' | 'maxRows'>,
  room: RoomSettings,
): Promise<DeadLetterFile> {
  const { DeadLetterFile } = await import('../engine/dead-letters/dead-letter-file.js');
  return new DeadLetterFile({ ...options, room: new RoomOnDisk(room), log: room.log });
}
