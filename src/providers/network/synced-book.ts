import { assertMapping } from '../../core/assert-argument.js';
import { sleep } from '../../core/clock.js';
import { ProviderError } from '../../core/provider-error.js';
import { millis } from '../../core/units.js';
import type { ProviderContext } from '../contract/market-data-provider.js';
import type { RowWriter } from '../contract/row-writers.js';
import { BackOff } from './back-off.js';
import {
  type BookChain,
  type BookChangeIds,
  type BookStart,
  BookSync,
  type BookSyncOptions,
} from './book-sync.js';
import { nextAttemptAfter } from './next-attempt.js';

/** Errors in a row that may pass, before the connection is failed. */
const FAILURES_MAX = 5;

/** A change of a book, as much of it as is needed here. */
export interface BookChange extends BookChangeIds {
  /** Event time in ms since 1970. */
  readonly timeMs: number;
}

/** A snapshot of a book, as much of it as is needed here. */
export interface BookSnapshot {
  /** Number of the last update in it. */
  readonly id: number;
}

/** What a `SyncedBook` is given. */
export interface SyncedBookOptions<Change extends BookChange, Snapshot extends BookSnapshot>
  extends BookSyncOptions {
  readonly symbol: string;
  readonly chain: BookChain;
  readonly context: Pick<ProviderContext, 'gate' | 'clock' | 'random'>;
  /** Told of gaps: where the book was not known. */
  readonly writer: Pick<RowWriter<never>, 'gap'>;
  /** That of the connection: a book lives no longer. */
  readonly signal: AbortSignal;
  /** Permits that a snapshot costs. Default: that of a call. */
  readonly cost?: number | undefined;
  /**
   * Waits until this book may fetch its snapshot, where many books begin at once. Until then, only its last change is
   * kept. Default: it may at once.
   * @returns What ends its turn: called once the snapshot is written, or there is none.
   */
  readonly turn?: ((signal: AbortSignal) => Promise<() => void> | (() => void)) | undefined;
  /** Waits until a snapshot can be written. Behind the call, so that it holds no slot of the gate. Default: at once. */
  readonly whenRoom?: (() => Promise<void>) | undefined;
  /** Fetches a snapshot. Called by the gate, and again after an error that may pass. */
  fetch(signal: AbortSignal): Promise<Snapshot>;
  /**
   * Writes a snapshot: the reset of the book, and then its levels. A `reset` of the writer is one of all symbols: with
   * several of them, write a level with the action `clear` for this one.
   */
  begin(snapshot: Snapshot, why: BookStart): void;
  /** Writes a change. */
  apply(change: Change): void;
  /** Ends the connection: `Connection.fail`. Called when no snapshot can be had. */
  fail(error: unknown): void;
}

/**
 * One book of a connection: fetches its snapshot through the gate, applies the changes that follow, and begins anew
 * after a hole, with a `gap` over the time in which the book was not known.
 *
 * @example
 * const book = new SyncedBook({ symbol, chain: CONTIGUOUS_CHAIN, context, writer, signal: connection.signal, cost: 50,
 *   fetch: (signal) => fetchDepth(symbol, signal), begin: writeSnapshot, apply: writeChange, fail: connection.fail });
 * book.change(change); // for each that comes
 */
export class SyncedBook<Change extends BookChange, Snapshot extends BookSnapshot> {
  readonly #options: SyncedBookOptions<Change, Snapshot>;
  readonly #sync: BookSync<Change>;
  /** Of the last change that came, and of the last one that was applied. */
  #seenMs = Number.NaN;
  #appliedMs = Number.NaN;
  /** Since when the book is not known, after it was. */
  #unknownSinceMs = Number.NaN;
  #holes = 0;
  #isWaitingForTurn = false;

  /** @throws {InvalidOptionsError} for options that are none. */
  constructor(options: SyncedBookOptions<Change, Snapshot>) {
    assertMapping('SyncedBook', options);
    assertMapping('SyncedBook: context', options.context);
    this.#options = options;
    this.#sync = new BookSync(options.chain, options);
  }

  /** Whether it is known. */
  get isInStep(): boolean {
    return this.#sync.isInStep;
  }

  /** Whether it may not fetch its snapshot yet: changes before the last one are not kept. */
  get isWaitingForTurn(): boolean {
    return this.#isWaitingForTurn;
  }

  /** Times that a change was missing. */
  get holes(): number {
    return this.#holes;
  }

  /** A change came. */
  change(change: Change): void {
    if (!(change.timeMs <= this.#seenMs)) this.#seenMs = change.timeMs;
    const wasInStep = this.#sync.isInStep;
    const step = this.#sync.change(change);
    if (step.do === 'apply') this.#apply(change);
    else if (step.do === 'fetch') {
      if (wasInStep) {
        this.#holes++;
        this.#unknownSinceMs = Number.isNaN(this.#appliedMs) ? change.timeMs : this.#appliedMs;
      }
      void this.#fetch();
    }
    if (this.#isWaitingForTurn) this.#sync.keepLast();
  }

  #apply(change: Change): void {
    this.#appliedMs = change.timeMs;
    this.#options.apply(change);
  }

  /** Fetches snapshots until one will do, with longer and longer waits between them. Never rejects. */
  async #fetch(): Promise<void> {
    const { context, signal, fail, turn, whenRoom } = this.#options;
    const backOff = new BackOff({}, () => context.random());
    let failures = 0;
    let endTurn: (() => void) | undefined;
    try {
      if (turn) {
        const given = turn(signal);
        this.#isWaitingForTurn = typeof given !== 'function';
        // At once if it may: several changes may come before a promise settles, and all of them are to be kept.
        endTurn = typeof given === 'function' ? given : await given;
        this.#isWaitingForTurn = false;
        if (signal.aborted) return;
      }
      for (;;) {
        const got = await this.#snapshotAfter(failures);
        if (whenRoom && 'snapshot' in got && !signal.aborted) await whenRoom();
        if (signal.aborted) return;
        if ('snapshot' in got && this.#take(got.snapshot)) return;
        failures = 'snapshot' in got ? 0 : failures + 1;
        const askedMs = 'askedMs' in got ? got.askedMs : 0;
        await sleep(context.clock, millis(Math.max(askedMs, backOff.failed())), signal);
        if (signal.aborted) return;
      }
    } catch (error) {
      if (signal.aborted) return;
      this.#sync.snapshotFailed();
      fail(error);
    } finally {
      this.#isWaitingForTurn = false;
      endTurn?.();
    }
  }

  /** @throws what another attempt does not help against, and the last error of too many in a row. */
  async #snapshotAfter(
    failures: number,
  ): Promise<{ readonly snapshot: Snapshot } | { readonly askedMs: number }> {
    const { symbol, context, signal, cost } = this.#options;
    try {
      return { snapshot: await context.gate.call((own) => this.#options.fetch(own), { signal, cost }) };
    } catch (thrown) {
      const { mayHelp, askedMs } = nextAttemptAfter(thrown, `The book of ${symbol}`, context.clock);
      if (!mayHelp || failures + 1 >= FAILURES_MAX) throw thrown;
      return { askedMs };
    }
  }

  /** @returns Whether no further snapshot is needed. */
  #take(snapshot: Snapshot): boolean {
    const { symbol, writer, begin } = this.#options;
    const step = this.#sync.snapshot(snapshot.id);
    if (step.do === 'fetch') return false;
    if (step.do === 'give-up') {
      throw new ProviderError(
        'protocol',
        `expected a snapshot of the book of ${symbol} that its changes follow on, found ${step.snapshots} in a row that are older`,
      );
    }
    if (step.do !== 'begin') return true;
    const fromMs = this.#unknownSinceMs;
    if (!Number.isNaN(fromMs)) {
      writer.gap({ fromMs, toMs: Math.max(fromMs, this.#seenMs), symbol, reason: GAP_REASONS[step.why] });
      this.#unknownSinceMs = Number.NaN;
    }
    begin(snapshot, step.why);
    for (const change of step.changes) this.#apply(change);
    return true;
  }
}

const GAP_REASONS: Readonly<Record<BookStart, string>> = {
  start: 'the book was not known',
  hole: 'sequence: a change of the book is missing',
  overflow: 'more changes of the book came than are kept while its snapshot was fetched',
};
