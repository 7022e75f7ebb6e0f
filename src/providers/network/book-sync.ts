/** The numbers of one change of a book. */
export interface BookChangeIds {
  /** Number of the first update in it. */
  readonly first: number;
  /** Number of the last update in it. */
  readonly last: number;
  /** Number of the last update in the change before it, where the venue says so. */
  readonly previous?: number | undefined;
}

/** How the changes of a venue's books follow one another. */
export interface BookChain {
  /** Whether a change follows directly on an update. */
  follows(last: number, change: BookChangeIds): boolean;
  /** Whether a change can be the first one after a snapshot. */
  covers(snapshotId: number, change: BookChangeIds): boolean;
  /** Whether all of a change is in a snapshot already. */
  isBefore(snapshotId: number, change: BookChangeIds): boolean;
}

/**
 * Changes whose numbers are one range after another: `first` = last + 1. The first one after a snapshot has
 * `first` ≤ snapshot + 1 ≤ `last`. (Binance spot, KuCoin.)
 */
export const CONTIGUOUS_CHAIN: BookChain = {
  follows: (last, { first }) => first === last + 1,
  covers: (snapshotId, { first, last }) => first <= snapshotId + 1 && snapshotId + 1 <= last,
  isBefore: (snapshotId, { last }) => last <= snapshotId,
};

/**
 * Changes that name the one before: `previous` = last. The first one after a snapshot has `first` ≤ snapshot ≤ `last`,
 * or names the snapshot as the one before. (Binance USD-M futures, Deribit.)
 */
export const PREVIOUS_CHAIN: BookChain = {
  follows: (last, { previous }) => previous === last,
  covers: (snapshotId, { first, last, previous }) =>
    previous === snapshotId || (first <= snapshotId && snapshotId <= last),
  isBefore: (snapshotId, { last }) => last < snapshotId,
};

/** What `BookSync` says is to be done. */
export type BookStep<Change> =
  /** Nothing: the change is kept for later, or was seen before. */
  | { readonly do: 'nothing' }
  /** Fetch a snapshot and give it to `snapshot`, or say `snapshotFailed`. One is asked for at a time. */
  | { readonly do: 'fetch'; readonly why: BookStart }
  /** The change is the next one: apply it. */
  | { readonly do: 'apply' }
  /** Begin the book anew with the snapshot that was just given, and then apply these changes. */
  | { readonly do: 'begin'; readonly why: BookStart; readonly changes: readonly Change[] }
  /** No snapshot is new enough, after so many in a row: give the connection up. */
  | { readonly do: 'give-up'; readonly snapshots: number };

/**
 * Why a book begins: it was not there before (`start`), a change is missing (`hole`), more changes came than are kept
 * while a snapshot was fetched (`overflow`).
 */
export type BookStart = 'start' | 'hole' | 'overflow';

/** Bounds of a `BookSync`. */
export interface BookSyncOptions {
  /** Changes that are kept while a snapshot is fetched. Default: 10000. */
  readonly changesMax?: number | undefined;
  /** Snapshots in a row that may be too old. Default: 5. */
  readonly snapshotsMax?: number | undefined;
}

/**
 * Puts the snapshot and the changes of one book together. Pure: it fetches nothing and knows no time, and holds
 * nothing but the changes that wait for a snapshot. `SyncedBook` drives it.
 *
 * A book asks for a snapshot with its first change, so that the changes are there from before it on. In step, a change
 * that follows is applied, one that was seen before is left out, and a hole begins the book anew.
 */
export class BookSync<Change extends BookChangeIds> {
  constructor(_chain: BookChain, _options: BookSyncOptions = {}) {}

  /** Whether the snapshot is in and all changes since have followed. */
  get isInStep(): boolean {
    return false;
  }

  /** Number of the last update that was applied; `undefined` while it is not in step. */
  get last(): number | undefined {
    return undefined;
  }

  /** A change came. The answer `fetch` with `hole` also says that the book is not known from now on. */
  change(_change: Change): BookStep<Change> {
    return { do: 'nothing' };
  }

  /** The snapshot that was asked for came. */
  snapshot(_snapshotId: number): BookStep<Change> {
    return { do: 'nothing' };
  }

  /** It could not be fetched. The next change asks for another. */
  snapshotFailed(): void {}
}
