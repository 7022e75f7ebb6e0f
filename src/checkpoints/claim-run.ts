import { InvalidOptionsError, PipelineError } from '../core/errors.js';
import { invariant } from '../core/invariant.js';
import { randomId } from '../core/random-id.js';
import type { CheckpointSaver } from '../engine/cuts/checkpoint-keeper.js';
import type { SinkFactory } from '../engine/factories.js';
import { decidedCheckpoint } from '../plan/decided-checkpoint.js';
import { checkpointFor, fitCheckpoint } from '../plan/fit-checkpoint.js';
import { builtIn } from '../registry/built-in.js';
import type { Registry } from '../registry/registry.js';
import type { Logger } from '../telemetry/logger.js';
import { type Checkpoint, type RunIdentity, readCheckpoint } from '../wire/checkpoint.js';
import { ownerOfThread } from '../wire/owner-of-thread.js';
import type { ResolvedSpec } from '../wire/resolved-spec.js';
import { type CheckpointStore, type Fence, fenceProblem, keyProblem } from './checkpoint-store.js';
import { shareOfKey } from './share-of-key.js';

export interface ClaimOptions {
  readonly store: CheckpointStore;
  /** Default: the spec's name. */
  readonly key: string | undefined;
  readonly checkpointEveryMs: number | undefined;
  /** Must be `undefined`: the checkpoint comes from the store. */
  readonly checkpoint: Checkpoint | undefined;
  /** The components that the spec can use. Default: those of this package. */
  readonly registry?: Registry | undefined;
  /** The sink of the spec, if it is given in code. */
  readonly sink?: SinkFactory<unknown> | undefined;
  /** The log of the run. */
  readonly log: Logger;
  /** Aborted once the start is stopped, before it has a pipeline. */
  readonly signal?: AbortSignal | undefined;
}

export interface ClaimedRun {
  readonly run: RunIdentity;
  readonly checkpoint?: Checkpoint;
  readonly saver: CheckpointSaver;
}

/** In the place of a claimed run: the one to be gone on with has ended meanwhile, and all of it is published. */
export interface EndedRun {
  readonly ended: Checkpoint;
}

const EVERY_MS = 10_000;
const EVERY_MS_MIN = 10;
const EVERY_MS_MAX = 86_400_000;

/**
 * Claims a key of a store for a start of a pipeline. If the last run was interrupted, this is its next
 * start. If there was no run, or the last one has completed or was drained, it starts a new run.
 *
 * @throws {InvalidOptionsError} for an invalid store, key or interval, or a checkpoint in addition to the store.
 * @throws {PipelineError} `CHECKPOINT_INVALID` if the checkpoint is from another spec. Then nothing is
 *   claimed, so that starting the wrong spec does not fence the run in progress.
 */
export async function claimRun(spec: ResolvedSpec, options: ClaimOptions): Promise<ClaimedRun> {
  const claimed = await claimUnlessEnded(spec, options, undefined);
  invariant('run' in claimed, 'a start that follows no other one has a run');
  return claimed;
}

/**
 * As `claimRun`, for a start that follows another one, which is gone and has left no report. That one may have
 * published all of its rows before. Then a new run would deliver them once more.
 *
 * @param followsEpoch - Of the start before.
 */
export async function claimUnlessEnded(
  spec: ResolvedSpec,
  options: ClaimOptions,
  followsEpoch: number | undefined,
): Promise<ClaimedRun | EndedRun> {
  checkOptions(options);
  const { store, key = spec.name, checkpointEveryMs: everyMs = EVERY_MS, log } = options;
  /** Also by a start after the one before: then somebody else has taken the run over. */
  const hasEnded = (found: Checkpoint | undefined): found is Checkpoint =>
    followsEpoch !== undefined && found?.ended?.isPublished === true && found.run.epoch >= followsEpoch;
  const before = await store.load(key);
  if (hasEnded(before)) return { ended: readCheckpoint(before) };
  checkGoesOn(before, spec);
  const fence = checkGiven(await store.claim(key, ownerOfThread(), log), key);
  // Loaded again: the previous owner may have saved until the claim, and cannot save after it.
  const found = await store.load(key);
  if (hasEnded(found)) return { ended: readCheckpoint(found) };
  const kept = found ? readCheckpoint(found) : undefined;
  const decided = kept && (await decidedAmong(kept, spec, fence, options));
  const checkpoint = checkGoesOn(decided, spec, log);
  const run = { id: checkpoint?.run.id ?? randomId(), epoch: fence.epoch, owner: fence.owner };
  const saver = {
    everyMs,
    firstMs: everyMs * shareOfKey(key),
    keyId: fence.keyId,
    databaseKey: (checkpoint && kept?.undecided?.key) ?? fence.keyId ?? run.id,
    save: (taken: Checkpoint) => store.save(key, fence, taken),
  };
  return { run, saver, ...(checkpoint && { checkpoint }) };
}

/** @throws What the sink throws whose database knows which checkpoint counts. */
function decidedAmong(
  found: Checkpoint,
  spec: ResolvedSpec,
  { epoch, owner }: Fence,
  { registry = builtIn, sink, log, signal }: ClaimOptions,
): Promise<Checkpoint | undefined> {
  return decidedCheckpoint(found, spec, { job: spec.name, epoch, owner, log, signal, registry, sink });
}

/**
 * Whether the last run of a spec under its name has completed, so that slices of it have nothing left to do. With another
 * spec, and after a run that was drained, the next start begins a run.
 */
export async function isRunOver(spec: ResolvedSpec, store: Pick<CheckpointStore, 'load'>): Promise<boolean> {
  const found = await store.load(spec.name);
  if (!found) return false;
  const checkpoint = readCheckpoint(found);
  const { ended } = checkpoint;
  return (
    ended?.isPublished === true &&
    ended.how === 'completed' &&
    fitCheckpoint(checkpoint, spec).misfits.length === 0
  );
}

/** @returns The checkpoint, if its run is to be resumed. */
function checkGoesOn(
  found: Checkpoint | undefined,
  spec: ResolvedSpec,
  log?: Logger,
): Checkpoint | undefined {
  if (!found) return undefined;
  const checkpoint = readCheckpoint(found); // a user's store may return anything
  if (checkpoint.ended?.isPublished) return undefined;
  return checkpointFor(checkpoint, spec, log);
}

/** A user's store may return anything, and a fence stands in each checkpoint of the run. */
function checkGiven(fence: Fence, key: string): Fence {
  const problem = fenceProblem(fence);
  if (problem === undefined) return fence;
  throw new PipelineError('CHECKPOINT_FAILED', `The checkpoint store's claim of "${key}": ${problem}`);
}

function checkOptions({ store, key, checkpointEveryMs: everyMs, checkpoint }: ClaimOptions): void {
  const problems: string[] = [];
  const lacking = (['load', 'claim', 'save'] as const).filter((name) => typeof store[name] !== 'function');
  if (lacking.length > 0) {
    problems.push(`store: expected a checkpoint store, found one without ${lacking.join(', ')}`);
  }
  const ofKey = key === undefined ? undefined : keyProblem(key);
  if (ofKey !== undefined) problems.push(`key: ${ofKey}`);
  if (everyMs !== undefined && !(everyMs >= EVERY_MS_MIN && everyMs <= EVERY_MS_MAX)) {
    problems.push(
      `checkpointEveryMs: expected ${EVERY_MS_MIN} to ${EVERY_MS_MAX} milliseconds, was ${everyMs}`,
    );
  }
  if (checkpoint) problems.push('checkpoint: expected none beside "store", which has it');
  if (problems.length > 0) throw new InvalidOptionsError('createPipeline', problems);
}
