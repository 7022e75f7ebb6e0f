import type { Clock } from '../../core/clock.js';
import { invariant } from '../../core/invariant.js';
import type { Nanos } from '../../core/units.js';
import type { BranchCut, BranchPosition } from '../branch.js';
import type { BatchQueue } from '../queue/batch-queue.js';

/** What is asked of a branch with a cut. */
interface CutRequest {
  readonly how: 'prepare' | 'flush';
  readonly isEnd: boolean;
  /** Whether nothing is done after it. */
  readonly isLast: boolean;
  /** Rows that had been given before it. */
  readonly given: number;
}

/** A cut that was asked for and has not been taken yet. */
export interface PendingCut extends CutRequest {
  /** The seal of the queue in front of which its rows are. */
  readonly seal: number;
  resolve(done: Promise<BranchPosition>): void;
  reject(error: unknown): void;
}

export interface BranchCutsParts {
  readonly queue: Pick<BatchQueue, 'seal' | 'unseal' | 'hasPassed'>;
  readonly clock: Clock;
  /** The ids of the branches that hold up a cut of this one. */
  unfinished(): readonly string[];
}

/** The cuts of a branch, one at a time: asked for, reached once its queue is through, or taken back. */
export class BranchCuts {
  readonly #parts: BranchCutsParts;
  #pending: PendingCut | undefined;
  /** When the branch last finished a piece of work, or a cut began. */
  #movedAt = 0n as Nanos;

  constructor(parts: BranchCutsParts) {
    this.#parts = parts;
  }

  get isPending(): boolean {
    return this.#pending !== undefined;
  }

  /** The cut whose turn it is: all batches in front of it were taken. */
  get reached(): PendingCut | undefined {
    const cut = this.#pending;
    return cut && this.#parts.queue.hasPassed(cut.seal) ? cut : undefined;
  }

  /** Whether a cut is still waited for. */
  isWanted(cut: PendingCut): boolean {
    return this.#pending === cut;
  }

  begin(request: CutRequest): BranchCut {
    invariant(!this.#pending, 'a branch takes one cut at a time');
    const { queue, clock, unfinished } = this.#parts;
    let settle: Pick<PendingCut, 'resolve' | 'reject'> | undefined;
    const done = new Promise<BranchPosition>((resolve, reject) => {
      settle = { resolve, reject };
    });
    const cut: PendingCut = { ...request, seal: queue.seal(), ...settle! };
    this.#pending = cut;
    this.#movedAt = clock.now();
    let isDone = false;
    const end = () => {
      isDone = true;
    };
    done.then(end, end); // one that was taken back may fail unheard
    return {
      done,
      stillMs: () => (isDone ? 0 : Number(clock.now() - this.#movedAt) / 1e6),
      abandon: () => {
        const atWork = unfinished();
        if (this.leave(cut)) queue.unseal();
        return atWork;
      },
    };
  }

  /** Called when a cut was taken or has failed. @returns `false` if it was taken back before. */
  leave(cut: PendingCut): boolean {
    if (this.#pending !== cut) return false; // there may be another one by now
    this.#pending = undefined;
    return true;
  }

  /** Called when the branch has finished a piece of work. */
  moved(): void {
    this.#movedAt = this.#parts.clock.now();
  }

  /** Lets a cut that waits fail. */
  fail(reason: unknown): void {
    this.#pending?.reject(reason);
  }
}

/** A cut that a branch cannot begin. */
export function refusedCut(reason: unknown): BranchCut {
  const done = Promise.reject(reason);
  done.catch(() => undefined); // whoever asked hears of it
  return { done, stillMs: () => 0, abandon: () => [] };
}
