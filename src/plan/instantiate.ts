import { ColumnMemory, megabytes } from '../columns/column-memory.js';
import { DictionarySet } from '../columns/dictionary.js';
import type { Clock } from '../core/clock.js';
import { InvalidSpecError, PipelineError, type SpecProblem } from '../core/errors.js';
import { randomId } from '../core/random-id.js';
import { openGate } from '../engine/call-gate.js';
import type { CheckpointSaver } from '../engine/checkpoint-keeper.js';
import type { DeadLetterFile, DeadLetterOptions } from '../engine/dead-letter-file.js';
import type { PlanProblems } from '../engine/factories.js';
import { stopOnReject } from '../engine/rejects.js';
import type { StageContext } from '../engine/stage.js';
import { StreamingPipeline } from '../engine/streaming-pipeline.js';
import type { RoomSettings } from '../outputs/disk/room-on-disk.js';
import { builtIn } from '../registry/built-in.js';
import { loadStage } from '../registry/load-stage.js';
import type { Registry } from '../registry/registry.js';
import type { Resilience } from '../resilience/resilience-client.js';
import type { Counters } from '../shared-memory/counters.js';
import type { Logger } from '../telemetry/logger.js';
import type { Checkpoint, RunIdentity } from '../wire/checkpoint.js';
import { ownerOfThread } from '../wire/owner-of-thread.js';
import type { ResolvedSpec, ResolvedStage, SourceGateSettings } from '../wire/resolved-spec.js';
import { placesInLine, type StagePlace } from '../wire/stage-tree.js';
import { openGateOf } from './open-gate.js';
import { checkFingerprint, fingerprintOf } from './spec-fingerprint.js';
import { loadWithInputs, StageMaker, type StageMaking } from './stage-maker.js';
import type { StageOverrides } from './stage-overrides.js';

/** What a pipeline needs besides its spec. */
export interface PipelineEnvironment {
  readonly clock: Clock;
  readonly log: Logger;
  readonly counters: Counters;
  readonly overrides?: StageOverrides;
  /** The components that the spec can use. Default: those of this package. */
  readonly registry?: Registry | undefined;
  /** Time that each stage has to open. A supervisor has its own deadline for the whole start. */
  readonly openDeadlineMs?: number;
  /** Budgets and breakers. Required if the spec names any. */
  readonly resilience?: Resilience;
  /** Where an earlier start of a run of the same spec left off. */
  readonly checkpoint?: Checkpoint;
  /** Identifies the run and the start. Default: the next start of the checkpoint's run, or a new run. */
  readonly run?: RunIdentity;
  /** Saves checkpoints. */
  readonly saver?: CheckpointSaver;
}

/**
 * Creates the pipeline of a checked spec in the calling thread. Opens nothing.
 *
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
    checkpoint,
    openDeadlineMs,
    saver,
  } = environment;
  const { run = checkpoint ? nextStart(checkpoint) : firstStart() } = environment;
  if (checkpoint) checkFingerprint(checkpoint.spec, spec);
  const problems = new CollectedProblems();
  const openGateFor = (settings: SourceGateSettings | undefined) => openGateOf(settings, environment);
  const places = placesInLine<ResolvedStage>(spec);
  const source = await loadWithInputs(
    registry,
    'source',
    places.source,
    openGateFor,
    spec.gate,
    overrides.source,
  );
  const operators = await Promise.all(
    places.operators.map((operator) => loadWithInputs(registry, 'operator', operator, openGateFor)),
  );
  const batcherFactory = await loadStage(registry, 'batcher', spec.batcher);
  const sinkFactory = overrides.sink ?? (await loadStage(registry, 'sink', spec.sink));

  const memory = new ColumnMemory(megabytes(spec.maxMemoryMb));
  const dictionaries = new DictionarySet(memory);
  if (checkpoint) dictionaries.restore(checkpoint.dictionaries);
  const stopping = new AbortController();
  const room = { clock, log, stopping: stopping.signal };
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
    gate: openGate,
    run,
    stopping: stopping.signal,
    ...(checkpoint && { resuming: true }),
    ...(saver && { checkpointed: true, epoch: run.epoch }),
  };

  const hasDeadLetters = spec.deadLetter !== undefined;
  const maker = new StageMaker({ context, rejects, hasDeadLetters, problems });
  let pipeline: StreamingPipeline | undefined;
  const parts = makeStages();
  problems.throwIfAny(spec.name);
  pipeline = new StreamingPipeline({
    ...parts,
    rejects,
    dictionaries,
    counters,
    clock,
    log,
    stopping,
    openDeadlineMs,
    job: spec.name,
    run,
    spec: fingerprintOf(spec),
    ...(checkpoint && { checkpoint }),
    ...(saver && { saver }),
  });
  return pipeline;

  function makeStages() {
    const first = maker.source(source);
    const line = maker.operators(first.stage, operators, () => pipeline?.wakeOperators());
    const { schema, stream } = line;
    const inside = (place: StagePlace<ResolvedStage>): StageContext => {
      return { ...context, log: maker.logOf(place), stream, inputs: {}, wake: () => {} };
    };
    const batcher = batcherFactory.create(spec.batcher.options, schema, inside(places.batcher));
    const sink = sinkFactory.create(spec.sink.options, schema, inside(places.sink));
    return {
      source: first,
      operators: line.operators,
      batcher: maker.named(places.batcher, batcher),
      sink: maker.named(places.sink, sink),
    };
  }
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
      `Expected a checkpoint of a run that goes on; this one of job "${job}" has ${ended.how === 'drained' ? 'been drained' : 'completed'}. ` +
        'Start anew without it',
    );
  }
  return { id: run.id, epoch: run.epoch + 1, owner: ownerOfThread() };
}

/** Imported on demand: without dead letters, many threads never load Node's `fs/promises`. */
async function deadLetters(
  options: Omit<DeadLetterOptions, 'room'>,
  room: RoomSettings,
): Promise<DeadLetterFile> {
  const { DeadLetterFile } = await import('../engine/dead-letter-file.js');
  const { RoomOnDisk } = await import('../outputs/disk/room-on-disk.js');
  return new DeadLetterFile({ ...options, room: new RoomOnDisk(room) });
}

/** Collects problems. A checked spec has none, unless files or components changed since the check. */
class CollectedProblems implements PlanProblems {
  readonly #problems: SpecProblem[] = [];

  add(path: SpecProblem['path'], message: string): void {
    this.#problems.push({ path, message });
  }

  throwIfAny(name: string): void {
    if (this.#problems.length > 0) throw new InvalidSpecError(`spec "${name}"`, this.#problems);
  }
}
