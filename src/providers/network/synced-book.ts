import type { CallGate } from '../../engine/call-gate.js';
import type { RowWriter } from '../contract/row-writers.js';
import type { BookChain, BookChangeIds, BookStart, BookSyncOptions } from './book-sync.js';

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
  readonly gate: CallGate;
  /** Told of gaps: where the book was not known. */
  readonly writer: Pick<RowWriter<never>, 'gap'>;
  /** That of the connection: a book lives no longer. */
  readonly signal: AbortSignal;
  /** Permits that a snapshot costs. Default: that of a call. */
  readonly cost?: number | undefined;
  /** Fetches a snapshot. Called by the gate, and again after a transient error. */
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
 * const book = new SyncedBook({ symbol, chain: CONTIGUOUS_CHAIN, gate, writer, signal: connection.signal, cost: 50,
 *   fetch: (signal) => fetchDepth(symbol, signal), begin: writeSnapshot, apply: writeChange, fail: connection.fail });
 * book.change(change); // for each that comes
 */
export class SyncedBook<Change extends BookChange, Snapshot extends BookSnapshot> {
  constructor(_options: SyncedBookOptions<Change, Snapshot>) {}

  /** Whether it is known. */
  get isInStep(): boolean {
    return false;
  }

  /** Times that a change was missing. */
  get holes(): number {
    return 0;
  }

  /** A change came. */
  change(_change: Change): void {}
}
