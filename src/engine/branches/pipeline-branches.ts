import type { Clock } from '../../core/clock.js';
import { OnceAMinute } from '../../core/once-a-minute.js';
import type { Nanos } from '../../core/units.js';
import type { Counters } from '../../shared-memory/counters.js';
import type { Logger } from '../../telemetry/logger.js';
import { placesOf, type StageTree } from '../../wire/stage-tree.js';
import type { HeldStage } from '../held-stage.js';
import type { LoopTurns } from '../loop-turns.js';
import { RepeatingTimer } from '../repeating-timer.js';
import type { BranchRun, Named, RunningBranch, Stage } from '../stage.js';
import type { StagesAtWork } from '../stages-at-work.js';
import { END_GRACE_MS, unsettledAfterGrace } from '../unsettled-after.js';

/** A branch that has been at one piece of work for so long is named in a warning, and counts as degraded. */
export const SLOW_BRANCH_MS = 30_000;
const LOOK_EVERY_NS = 10_000_000_000n;

export interface PipelineBranchesParts {
  readonly stages: StageTree<Named<Stage>>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly turns: LoopTurns;
  /** Which stage the thread is in. */
  readonly at: StagesAtWork;
  readonly counters: Pick<Counters, 'add' | 'mayRunUntilNs'>;
  /** Called when nothing more may be delivered; `throwIfFailed` throws the reason. */
  onFailure(error: unknown): void;
}

/** All branches of a pipeline's sinks, at any depth. What fails in one ends the run. */
export class PipelineBranches {
  readonly #parts: PipelineBranchesParts;
  readonly #branches: readonly RunningBranch[];
  readonly #timer: RepeatingTimer;
  readonly #warnings: ReadonlyMap<RunningBranch, OnceAMinute>;
  #failure: { readonly error: unknown } | undefined;
  #takesLastCut = false;

  constructor(parts: PipelineBranchesParts) {
    const { stages, clock } = parts;
    this.#parts = parts;
    this.#branches = placesOf<Named<Stage>>(stages).flatMap(({ stage }) =>
      Object.values(stage.branches ?? {}),
    );
    this.#timer = new RepeatingTimer(clock, LOOK_EVERY_NS, (now) => this.#nameSlowOnes(now));
    this.#warnings = new Map(this.#branches.map((branch) => [branch, new OnceAMinute(clock)]));
  }

  get areNone(): boolean {
    return this.#branches.length === 0;
  }

  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  get isAtWork(): boolean {
    return this.#branches.some((branch) => branch.workingSince() !== undefined);
  }

  /** The calls of the stages of all branches that have not settled. */
  get held(): readonly (HeldStage | undefined)[] {
    return this.#branches.flatMap((branch) => branch.held);
  }

  throwIfFailed(): void {
    if (this.#failure) throw this.#failure.error;
  }

  start(): void {
    if (this.areNone) return;
    const { turns, at, counters } = this.#parts;
    const onFailure = (error: unknown) => this.#fail(error);
    const run: BranchRun = { turns, stages: at, counters, onFailure, takesLastCut: () => this.#takesLastCut };
    for (const branch of this.#branches) branch.start(run);
    this.#timer.start();
  }

  /** From now on, each cut may be the last one: no branch goes on past it. */
  beginLastCut(): void {
    this.#takesLastCut = true;
  }

  /** The run drains: the live inputs of each branch end once its rows are through. */
  drain(): void {
    for (const branch of this.#branches) branch.drain();
  }

  /**
   * Nothing more is delivered: whoever waits for a branch goes on.
   * @param reason - What cuts in progress fail with, and what is thrown at whoever gives a branch a batch.
   */
  breakOff(reason: unknown): void {
    this.#timer.stop();
    for (const branch of this.#branches) branch.breakOff(reason);
  }

  /**
   * Ends all branches, before their stages are closed. Called after `breakOff`.
   * @returns Those that are still at work after a while, with what settles once they are done.
   */
  async end(): Promise<ReadonlyMap<RunningBranch, Promise<void>>> {
    const { clock, log } = this.#parts;
    const ends = new Map(this.#branches.map((branch) => [branch, branch.end()]));
    const atWork = await unsettledAfterGrace(clock, ends);
    for (const { id } of atWork.keys()) {
      log.warn(
        { branch: id, graceMs: END_GRACE_MS },
        'branch is still at work; it will be closed once it is done',
      );
    }
    return atWork;
  }

  /** Why a sink of a branch is not well, apart from what it says itself. */
  troubleOf(sink: Named<Stage>): string | undefined {
    const branch = this.#branches.find((one) => one.sink === sink);
    const forMs = branch && this.#slowForMs(branch, this.#parts.clock.now());
    const slow = forMs === undefined ? [] : [`at one piece of work for ${Math.round(forMs / 1_000)} s`];
    const troubles = branch?.trouble === undefined ? slow : [...slow, branch.trouble];
    return troubles.length === 0 ? undefined : troubles.join('; ');
  }

  #fail(error: unknown): void {
    if (this.#failure) return;
    this.#failure = { error };
    this.breakOff(error);
    this.#parts.onFailure(error);
  }

  #nameSlowOnes(now: Nanos): void {
    const { log } = this.#parts;
    for (const branch of this.#branches) {
      const forMs = this.#slowForMs(branch, now);
      const warning = this.#warnings.get(branch);
      if (forMs === undefined) warning?.reset();
      else if (warning?.isDue()) {
        log.warn(
          { branch: branch.id, forMs: Math.round(forMs) },
          'branch has been at one piece of work for long; check what its sink waits for',
        );
      }
    }
  }

  /** @returns `undefined` if it is not slow, or only waits for a branch inside it that is. */
  #slowForMs(branch: RunningBranch, now: Nanos): number | undefined {
    const forMs = atWorkForMs(branch, now);
    if (forMs < SLOW_BRANCH_MS) return undefined;
    return branchesInside(branch).some((one) => hasSlowOne(one, now)) ? undefined : forMs;
  }
}

function atWorkForMs(branch: RunningBranch, now: Nanos): number {
  const since = branch.workingSince();
  return since === undefined ? 0 : Number(now - since) / 1e6;
}

const branchesInside = ({ sink }: RunningBranch): readonly RunningBranch[] =>
  Object.values(sink.branches ?? {});

/** Whether a branch is slow itself, or one inside it, however deep. */
const hasSlowOne = (branch: RunningBranch, now: Nanos): boolean =>
  atWorkForMs(branch, now) >= SLOW_BRANCH_MS || branchesInside(branch).some((one) => hasSlowOne(one, now));
