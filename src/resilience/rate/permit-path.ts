import { CAP_FULL } from './in-flight-cap.js';
import { BudgetRefusedError, CostAboveBurstError } from './rate-errors.js';
import type { ScopeView } from './scope-view.js';
import { GRANTED, STALE, type Verdict } from './verdict.js';
import { WaitingThreads } from './waiting-threads.js';

/** A full cap is checked again after this time, since nobody knows when it frees up. */
export const CAP_POLL_NS = 2_000_000;
/** How long to wait while the owner moves a scope to new parameters. */
const MOVING_NS = 100_000;
const TRIES_MAX = 8;

/**
 * Scopes that are spent from together, all or none, sorted from the narrowest to the widest.
 *
 * All scopes are checked first. Then they are taken in order, so that the widest, for which others are
 * waiting as well, comes last and never has to be returned.
 */
export class PermitPath {
  readonly views: readonly ScopeView[];
  readonly waiting: readonly WaitingThreads[];
  /** In-flight leases of the last take: one for each scope, −1 if it has no cap. */
  readonly leases: Int32Array;
  /** The largest cost that can ever be granted. */
  permitsMax = 0;
  /** The largest cost that can be granted before the next change. */
  permitsNow = 0;
  /** How often the parameters were read. */
  reads = 0;
  hasCaps = false;
  /** Whether one of them is a share of a budget. */
  isShare = false;
  /** Versions of the views that these two fields were read from. */
  #versions: readonly number[] = [];
  readonly #member: number;
  /** Each scope's `told` counter before the last take that can be undone later. */
  readonly #told: number[];

  /** @param views - Of one thread. */
  constructor(views: readonly ScopeView[]) {
    this.views = views;
    this.waiting = views.map((view) => new WaitingThreads(view));
    this.leases = new Int32Array(views.length).fill(CAP_FULL);
    this.#member = views[0]!.member;
    this.#told = views.map(() => 0);
    this.#readViews();
  }

  get name(): string {
    return this.views.map(({ name }) => name).join(' + ');
  }

  /**
   * Reads the parameters again if a scope has changed.
   *
   * @throws {ScopeRemovedError}
   */
  refresh(): void {
    let isChanged = false;
    for (let i = 0; i < this.views.length; i++) {
      const view = this.views[i]!;
      if (!view.isCurrent()) view.refresh();
      // Views are shared: another limiter may have refreshed this one already.
      if (view.version !== this.#versions[i]) isChanged = true;
    }
    if (isChanged) this.#readViews();
  }

  /** Why a cost will never be granted. */
  refusalForGood(cost: number): CostAboveBurstError | BudgetRefusedError {
    const narrow = this.views.find(({ permitsMax }) => permitsMax < cost);
    return narrow === undefined
      ? BudgetRefusedError.spent(this.name)
      : new CostAboveBurstError(narrow.name, cost, narrow.permitsMax);
  }

  /** Notes at the shares that are too small for a cost that it is wanted. */
  want(cost: number): void {
    for (const view of this.views) if (cost > view.permitsNow) view.want(cost);
  }

  /** Why no wait is known after which a share grants the cost. */
  shortage(instant: bigint, cost: number): string | undefined {
    for (const view of this.views) {
      const reason = view.shortage(instant, cost);
      if (reason !== undefined) return reason;
    }
    return undefined;
  }

  /** The longest wait of all scopes, ignoring waiters and caps. */
  peek(instant: bigint, cost: number): number {
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      let longest = Number.MIN_SAFE_INTEGER;
      for (let i = this.views.length - 1; i >= 0; i--) {
        const wait = this.views[i]!.peek(instant, cost);
        if (wait === STALE) longest = STALE;
        else if (longest !== STALE && wait > longest) longest = wait;
      }
      if (longest !== STALE) return longest;
      this.refresh();
    }
    return MOVING_NS;
  }

  /**
   * Takes from all scopes as of the instant, including in-flight leases, and ignores waiters.
   *
   * @param withCaps - `false` takes rate permits only, which can be undone later.
   */
  take(instant: bigint, cost: number, withCaps = true): Verdict {
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const wait = this.#take(instant, cost, withCaps);
      if (wait !== STALE) return wait;
      this.refresh();
    }
    return MOVING_NS;
  }

  /**
   * The scope that refused a take after all checks had passed: the narrowest scope whose cap is reached, so
   * that calls which are not under this cap need not wait behind it; otherwise the widest.
   */
  get stoppedAt(): number {
    const full = this.views.findIndex(({ cap }) => cap?.isFull() === true);
    return full < 0 ? this.views.length - 1 : full;
  }

  /** Returns the leases of the last take. */
  leave(): void {
    for (let i = 0; i < this.views.length; i++) {
      const lease = this.leases[i]!;
      if (lease !== CAP_FULL) this.views[i]!.cap?.leave(this.#member, lease);
      this.leases[i] = CAP_FULL;
    }
  }

  /**
   * A function that returns the rate permits of the last take without caps. It reports whether all were
   * returned.
   */
  undoLater(): () => boolean {
    const { views } = this;
    const undos = views.flatMap(({ limits }) => limits.map((limit) => limit.undoLater()));
    const told = this.#told.slice();
    const isToldMore = () => views.some((view, i) => view.told() !== told[i]);
    return () => {
      // Restoring a cell would undo a cooldown that raised it, or that found it high enough already.
      if (isToldMore()) return false;
      const isUndone = undos.map((undo) => undo()).every(Boolean);
      if (isToldMore()) {
        for (const view of views) for (const limit of view.limits) limit.spendBurstUntil(view.blockedUntil());
      }
      return isUndone;
    };
  }

  #readViews(): void {
    this.#versions = this.views.map(({ version }) => version);
    this.permitsMax = Math.min(...this.views.map(({ permitsMax }) => permitsMax));
    this.permitsNow = Math.min(...this.views.map(({ permitsNow }) => permitsNow));
    this.isShare = this.views.some(({ isShare }) => isShare);
    this.reads++;
    this.hasCaps = this.views.some(({ cap }) => cap !== undefined);
  }

  #take(instant: bigint, cost: number, withCaps: boolean): Verdict {
    const { views } = this;
    // The widest first: if it refuses, the narrower ones must not lose anything.
    for (let i = views.length - 1; i >= 0; i--) {
      const view = views[i]!;
      if (i === 0 && view.limits.length < 2) break; // the first take checks for itself
      const wait = view.peek(instant, cost);
      if (wait === STALE || wait > 0) return wait;
    }
    if (this.hasCaps) {
      this.leases.fill(CAP_FULL);
      if (withCaps && !this.#enterCaps()) return CAP_POLL_NS;
    }
    if (!withCaps) for (let i = 0; i < views.length; i++) this.#told[i] = views[i]!.told();
    for (let i = 0; i < views.length; i++) {
      const wait = views[i]!.take(instant, cost, !withCaps || i < views.length - 1);
      if (wait === GRANTED) continue;
      for (let taken = i - 1; taken >= 0; taken--) views[taken]!.undo();
      if (this.hasCaps) this.leave();
      return wait;
    }
    return GRANTED;
  }

  #enterCaps(): boolean {
    for (let i = 0; i < this.views.length; i++) {
      const { cap } = this.views[i]!;
      if (cap === undefined) continue;
      const lease = cap.enter(this.#member);
      if (lease === CAP_FULL) {
        this.leave();
        return false;
      }
      this.leases[i] = lease;
    }
    return true;
  }
}
