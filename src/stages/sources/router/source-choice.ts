import { nextByStrategy, type Strategy } from './strategies.js';

/** Why a source is left. `restart`: `round-robin` takes the next one after a restart. */
export const LEAVE_REASONS = ['error', 'closed', 'silence', 'breaker', 'gap', 'failback', 'restart'] as const;
export type LeaveReason = (typeof LEAVE_REASONS)[number];

export interface SourceChoiceSettings {
  readonly strategy: Strategy;
  /** Of each source, in order of preference. */
  readonly weights: readonly number[];
  /** Of each source, whether it may be open beside the current one: what it gives then is lost, or kept for long. */
  readonly mayStandBy: readonly boolean[];
  readonly isHot: boolean;
  readonly holdNs: bigint;
  readonly coolDownNs: bigint;
  /** Bounds of the back-off of a source that fails again and again. */
  readonly restNs: { readonly min: bigint; readonly max: bigint };
  /** Uniform in [0, 1). */
  random(): number;
}

/** How a source has failed. */
export interface SourceFailure {
  readonly reason: 'error' | 'closed' | 'silence' | 'breaker';
  /** Whether it may work again later. If not, it is left alone for good. */
  readonly mayRecover: boolean;
  /** How long its provider asks to be left alone. */
  readonly retryAfterNs?: bigint | undefined;
}

/** What is to be done now. */
export interface SourcePlan {
  /** The source whose rows count; `undefined` while there is none. */
  readonly current: number | undefined;
  /** The sources that have to be open. Others have to be closed. */
  readonly open: readonly boolean[];
  /** When to ask again, though nothing happens until then. */
  readonly askAt: bigint | undefined;
}

/** What is known of one source. */
interface Standing {
  isOut: boolean;
  isOpen: boolean;
  restsUntil: bigint;
  failuresInRow: number;
  /** Since it was opened; `undefined` before. */
  firstRowAt: bigint | undefined;
  /** Whether it has given rows for the whole hold. */
  isProven: boolean;
}

/**
 * Chooses the source whose rows count, and those that are open beside it: to be ready, or to prove that they work
 * again. Pure: it is told what happens and when, and opens nothing.
 *
 * A source that fails is left at once. Only moves away from a source that works are limited, by the hold that the
 * other one has to last, and by the cool-down since the last such move. A source that has failed rests: each time
 * longer, with full jitter, up to a cap, until it has given rows for a stable time.
 */
export class SourceChoice {
  readonly #settings: SourceChoiceSettings;
  readonly #standings: Standing[];
  #current: number | undefined;
  /** The last one that was chosen: whom `round-robin` goes on after. */
  #last = -1;
  #left: LeaveReason = 'restart';
  #movedByChoiceAt: bigint | undefined;
  /** Sources left for their silence since the last row of any: all are silent if nobody trades. */
  readonly #silent = new Set<number>();

  constructor(settings: SourceChoiceSettings) {
    this.#settings = settings;
    this.#standings = settings.weights.map(() => ({
      isOut: false,
      isOpen: false,
      restsUntil: -(2n ** 63n),
      failuresInRow: 0,
      firstRowAt: undefined,
      isProven: false,
    }));
  }

  get current(): number | undefined {
    return this.#current;
  }

  /** Why the last source was left. */
  get left(): LeaveReason {
    return this.#left;
  }

  /** Whether no source will ever work again. */
  get areAllOut(): boolean {
    return this.#current === undefined && this.#standings.every(({ isOut }) => isOut);
  }

  /** Whether there is neither a source whose rows count nor one that may be tried now. */
  areAllDown(now: bigint): boolean {
    return this.#current === undefined && !this.#standings.some((_, i) => this.#isEligible(i, now));
  }

  stateOf(source: number, now: bigint): 'current' | 'open' | 'idle' | 'resting' | 'out' {
    const { isOut, isOpen } = this.#standings[source]!;
    if (source === this.#current) return 'current';
    if (isOut) return 'out';
    if (isOpen) return 'open';
    return this.#isEligible(source, now) ? 'idle' : 'resting';
  }

  /** Goes on with a source after a restart, or with the one after it. */
  goOnWith(source: number, isNext: boolean): void {
    this.#last = source;
    if (!isNext) this.#current = source;
  }

  /** A source is being opened. */
  opened(source: number): void {
    Object.assign(this.#standings[source]!, { isOpen: true, firstRowAt: undefined, isProven: false });
  }

  /** A source was closed, since the plan does not need it. */
  closed(source: number): void {
    this.#standings[source]!.isOpen = false;
  }

  /** An open source has given rows. */
  gaveRows(source: number, now: bigint): void {
    const standing = this.#standings[source]!;
    const { holdNs, restNs, strategy } = this.#settings;
    this.#silent.clear();
    standing.firstRowAt ??= now;
    const lasts = now - standing.firstRowAt;
    if (lasts >= holdNs) standing.isProven = true;
    if (lasts >= holdNs && lasts >= restNs.min) standing.failuresInRow = 0;
    if (strategy === 'fastest' && this.#current === undefined) this.#choose(source);
  }

  /** An open source that is not read has given no row for long: it has to prove itself anew. */
  fellSilent(source: number): void {
    Object.assign(this.#standings[source]!, { firstRowAt: undefined, isProven: false });
  }

  /** A source has failed, and is closed. */
  failed(source: number, { reason, mayRecover, retryAfterNs = 0n }: SourceFailure, now: bigint): void {
    const standing = this.#standings[source]!;
    const { restNs, random } = this.#settings;
    const { failuresInRow } = standing;
    standing.failuresInRow++;
    standing.isOpen = false;
    standing.isOut = !mayRecover;
    const doubled = restNs.min << BigInt(Math.min(failuresInRow, 40));
    const longest = doubled < restNs.max ? doubled : restNs.max;
    const rest = BigInt(Math.floor(random() * Number(longest)));
    standing.restsUntil = now + (rest > retryAfterNs ? rest : retryAfterNs);
    if (reason === 'silence') this.#silent.add(source);
    if (source === this.#current) this.#leave(reason);
  }

  /** Whether there is another source to try if the current one is silent: one that has not just been silent itself. */
  helpsAgainstSilence(now: bigint): boolean {
    return this.#standings.some((_, i) => {
      return i !== this.#current && !this.#silent.has(i) && this.#isEligible(i, now);
    });
  }

  /**
   * The current source lacks rows, though it works: moves to one that has proven to give rows, if that is allowed now.
   * @returns Whether it did.
   */
  moveForGap(now: bigint): boolean {
    const from = this.#current;
    if (from === undefined || !this.#isCool(now)) return false;
    const ready = this.#standings.findIndex(
      (of, i) => i !== from && of.isOpen && of.firstRowAt !== undefined,
    );
    if (ready < 0) return false;
    this.#movedByChoiceAt = now;
    Object.assign(this.#standings[from]!, { firstRowAt: undefined, isProven: false }); // it has to prove itself anew
    this.#leave('gap');
    this.#choose(ready);
    return true;
  }

  /** Chooses, and says which sources have to be open. */
  plan(now: bigint): SourcePlan {
    this.#current ??= this.#next(now);
    if (this.#current !== undefined) this.#last = this.#current;
    this.#failBack(now);
    const open = this.#standings.map((_, i) => this.#isNeeded(i, now));
    const standby = this.#standby(now);
    if (standby !== undefined) open[standby] = true;
    return { current: this.#current, open, askAt: this.#askAt(now) };
  }

  #next(now: bigint): number | undefined {
    const { strategy, weights, random } = this.#settings;
    const eligible = this.#standings.flatMap((_, i) => (this.#isEligible(i, now) ? [i] : []));
    // One that has just been silent comes after all that were not tried since: one of those may have rows.
    const untried = eligible.filter((i) => !this.#silent.has(i));
    return nextByStrategy(strategy, {
      eligible: untried.length > 0 ? untried : eligible,
      last: this.#last,
      weights,
      isReady: (i) => this.#standings[i]!.firstRowAt !== undefined && this.#standings[i]!.isOpen,
      random,
    });
  }

  /** Returns to a source of higher preference. */
  #failBack(now: bigint): void {
    const current = this.#current;
    if (this.#settings.strategy !== 'first' || current === undefined || !this.#isCool(now)) return;
    const better = this.#standings.findIndex(({ isOpen, isProven }, i) => i < current && isOpen && isProven);
    if (better < 0) return;
    this.#movedByChoiceAt = now;
    this.#leave('failback');
    this.#choose(better);
  }

  #isNeeded(source: number, now: bigint): boolean {
    if (source === this.#current) return true;
    const { strategy, mayStandBy } = this.#settings;
    if (!this.#isEligible(source, now)) return false;
    if (this.#current === undefined) return strategy === 'fastest'; // the race
    return strategy === 'first' && source < this.#current && mayStandBy[source]!; // a probe
  }

  /** The one to be chosen if the current one failed now. One that is open already stays. */
  #standby(now: bigint): number | undefined {
    const { isHot, mayStandBy, weights } = this.#settings;
    const current = this.#current;
    if (!isHot || current === undefined) return undefined;
    for (let step = 1; step < weights.length; step++) {
      // After the current one, and then from the first one on: the others before it are open as probes.
      const i = (current + step) % weights.length;
      if (mayStandBy[i] && this.#isEligible(i, now)) return i;
    }
    return undefined;
  }

  #isEligible(source: number, now: bigint): boolean {
    const { isOut, restsUntil } = this.#standings[source]!;
    return !isOut && restsUntil <= now;
  }

  #isCool(now: bigint): boolean {
    return this.#movedByChoiceAt === undefined || now - this.#movedByChoiceAt >= this.#settings.coolDownNs;
  }

  #askAt(now: bigint): bigint | undefined {
    let at: bigint | undefined;
    const ask = (instant: bigint) => {
      if (instant > now && (at === undefined || instant < at)) at = instant;
    };
    for (const { isOut, restsUntil } of this.#standings) if (!isOut) ask(restsUntil);
    if (this.#movedByChoiceAt !== undefined) ask(this.#movedByChoiceAt + this.#settings.coolDownNs);
    return at;
  }

  #leave(reason: LeaveReason): void {
    this.#left = reason;
    this.#current = undefined;
  }

  #choose(source: number): void {
    this.#current = source;
    this.#last = source;
  }
}
