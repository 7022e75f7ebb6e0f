import { assertMapping } from '../../core/assert-argument.js';
import { beginsAnew } from './sequence-filter.js';

/** The numbers of one change of a book. */
export interface BookChangeIds {
  /** Number of the first update in it. */
  readonly first: number;
  /** Number of the last update in it. */
  readonly last: number;
  /** Number of the last update in the change before it, where the venue says so. */
  readonly previous?: number | undefined;
  /** Bytes that it takes while it waits for a snapshot. Default: 0, so that its number alone is bounded. */
  readonly bytes?: number | undefined;
}

/** How the changes of a venue's books follow one another. */
export interface BookChain {
  /**
   * Whether a change follows directly on an update.
   * @param last - Sequence number of that update.
   */
  follows(last: number, change: BookChangeIds): boolean;
  /** Whether a change can be the first one after a snapshot. */
  covers(snapshotId: number, change: BookChangeIds): boolean;
  /** Whether all of a change is in a snapshot already. */
  isBefore(snapshotId: number, change: BookChangeIds): boolean;
}

/*
 * Both chains are for venues whose changes have the new size of a level, not what was added to it. So a change that
 * reaches from what the book has to beyond it can be applied: two connections may part the updates differently.
 */

/**
 * Changes whose numbers are one range after another: `first` ≤ last + 1 ≤ `last` of the change. The first one after a
 * snapshot, too. (Binance spot, KuCoin.)
 */
export const CONTIGUOUS_CHAIN: BookChain = {
  follows: (at, { first, last }) => first <= at + 1 && at + 1 <= last,
  covers: (snapshotId, { first, last }) => first <= snapshotId + 1 && snapshotId + 1 <= last,
  isBefore: (snapshotId, { last }) => last <= snapshotId,
};

/**
 * Changes that name the one before: `previous` ≤ last < `last` of the change, usually `previous` = last. The first one
 * after a snapshot has `previous` or `first` ≤ snapshot ≤ `last`. (Binance USD-M futures, Deribit.)
 */
export const PREVIOUS_CHAIN: BookChain = {
  follows: (at, { last, previous = Number.NaN }) => previous <= at && at < last,
  covers: (snapshotId, { first, last, previous = first }) =>
    Math.min(previous, first) <= snapshotId && snapshotId <= last,
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
  | {
      readonly do: 'give-up';
      /** How many were too old. */
      readonly snapshots: number;
    };

/**
 * Why a book begins: it was not there before (`start`), a change is missing (`hole`), more changes came than are kept
 * while a snapshot was fetched (`overflow`).
 */
export type BookStart = 'start' | 'hole' | 'overflow';

/** Bounds of a `BookSync`. */
export interface BookSyncOptions {
  /** Number of changes that are kept while a snapshot is fetched. With more, the oldest are dropped. Default: 10000. */
  readonly changesMax?: number | undefined;
  /** The same for the sum of their `bytes`. The last change is always kept. Default: 16 MiB. */
  readonly bytesMax?: number | undefined;
  /** Number of snapshots in a row that may be too old. Default: 5. */
  readonly snapshotsMax?: number | undefined;
}

const CHANGES_MAX = 10_000;
const BYTES_MAX = 16 * 1_024 * 1_024;
const SNAPSHOTS_MAX = 5;

/**
 * Puts the snapshot and the changes of one book together. Pure: it fetches nothing and knows no time, and holds
 * nothing but the changes that wait for a snapshot. `SyncedBook` drives it.
 *
 * A book asks for a snapshot with its first change, so that the changes are there from before it on. In step, a change
 * that follows is applied, one that was seen before is left out, and a hole begins the book anew. So do numbers that
 * begin anew: below half of the last one, and more than 1,000 below it.
 */
export class BookSync<Change extends BookChangeIds> {
  readonly #chain: BookChain;
  readonly #changesMax: number;
  readonly #bytesMax: number;
  readonly #snapshotsMax: number;
  #state: 'asking' | 'fetching' | 'in-step' = 'asking';
  #why: BookStart = 'start';
  /** Each follows the one before. */
  readonly #kept: Change[] = [];
  #keptBytes = 0;
  #last = Number.NaN;
  /** Whether nothing was applied on top of the snapshot. */
  #isFresh = false;
  #snapshotsTooOld = 0;

  /** @throws {InvalidOptionsError} for a chain or options that are none. */
  constructor(chain: BookChain, options: BookSyncOptions = {}) {
    assertMapping('BookSync: chain', chain);
    assertMapping('BookSync', options);
    const { changesMax = CHANGES_MAX, bytesMax = BYTES_MAX, snapshotsMax = SNAPSHOTS_MAX } = options;
    this.#chain = chain;
    this.#changesMax = changesMax;
    this.#bytesMax = bytesMax;
    this.#snapshotsMax = snapshotsMax;
  }

  /** Whether the snapshot is in and all changes since have followed. */
  get isInStep(): boolean {
    return this.#state === 'in-step';
  }

  /** Number of the last update that was applied; `undefined` while it is not in step. */
  get last(): number | undefined {
    return this.isInStep ? this.#last : undefined;
  }

  /** A change came. The answer `fetch` with `hole` also says that the book is not known from now on. */
  change(change: Change): BookStep<Change> {
    if (this.#state === 'in-step') return this.#next(change);
    this.#keep(change);
    return this.#state === 'asking' ? this.#ask() : NOTHING;
  }

  /** The snapshot that was asked for came. */
  snapshot(snapshotId: number): BookStep<Change> {
    if (this.#state !== 'fetching') return NOTHING;
    const kept = this.#kept;
    const from = kept.findIndex((change) => !this.#chain.isBefore(snapshotId, change));
    const changes = from < 0 ? [] : kept.slice(from);
    const [first] = changes;
    if (first && !this.#chain.covers(snapshotId, first)) return this.#tooOld();
    this.#state = 'in-step';
    this.#isFresh = first === undefined;
    this.#last = changes.at(-1)?.last ?? snapshotId;
    this.#snapshotsTooOld = 0;
    this.#forget(kept.length);
    return { do: 'begin', why: this.#why, changes };
  }

  /** It could not be fetched. The next change asks for another. */
  snapshotFailed(): void {
    if (this.#state === 'fetching') this.#state = 'asking';
  }

  /** The snapshot has not been asked for yet: of what was kept, the last change will do. */
  keepLast(): void {
    if (this.#kept.length > 1) this.#forget(this.#kept.length - 1);
  }

  #next(change: Change): BookStep<Change> {
    const chain = this.#chain;
    const follows = this.#isFresh ? chain.covers(this.#last, change) : chain.follows(this.#last, change);
    if (follows) {
      this.#isFresh = false;
      this.#last = change.last;
      return APPLY;
    }
    const isSeen = this.#isFresh ? chain.isBefore(this.#last, change) : change.last <= this.#last;
    if (isSeen && !beginsAnew(this.#last, change.last)) return NOTHING;
    this.#why = 'hole';
    this.#add(change); // in step, none are kept
    return this.#ask();
  }

  #ask(): BookStep<Change> {
    this.#state = 'fetching';
    return { do: 'fetch', why: this.#why };
  }

  #keep(change: Change): void {
    const last = this.#kept.at(-1);
    if (last && !this.#chain.follows(last.last, change)) {
      if (change.last <= last.last && !beginsAnew(last.last, change.last)) return; // seen
      this.#forget(this.#kept.length); // only a snapshot of after the hole helps
    }
    const { bytes = 0 } = change;
    if (this.#kept.length >= this.#changesMax || this.#keptBytes + bytes > this.#bytesMax) {
      this.#overflow(bytes);
    }
    this.#add(change);
  }

  /** Drops the oldest, to half of a bound: not one for each that comes. */
  #overflow(bytes: number): void {
    const kept = this.#kept;
    let from = kept.length >= this.#changesMax ? Math.ceil(this.#changesMax / 2) : 0;
    let left = this.#keptBytes;
    for (const change of kept.slice(0, from)) left -= change.bytes ?? 0;
    const isOver = left + bytes > this.#bytesMax;
    while (isOver && from < kept.length && left + bytes > this.#bytesMax / 2)
      left -= kept[from++]!.bytes ?? 0;
    if (from > 0) this.#why = 'overflow';
    this.#forget(from);
  }

  #add(change: Change): void {
    this.#kept.push(change);
    this.#keptBytes += change.bytes ?? 0;
  }

  /** Lets go of the oldest. @param count - How many. */
  #forget(count: number): void {
    for (const { bytes = 0 } of this.#kept.splice(0, count)) this.#keptBytes -= bytes;
  }

  #tooOld(): BookStep<Change> {
    this.#snapshotsTooOld++;
    if (this.#snapshotsTooOld < this.#snapshotsMax) return this.#ask();
    const snapshots = this.#snapshotsTooOld;
    this.#snapshotsTooOld = 0;
    this.#state = 'asking';
    return { do: 'give-up', snapshots };
  }
}

const NOTHING = { do: 'nothing' } as const;
const APPLY = { do: 'apply' } as const;
