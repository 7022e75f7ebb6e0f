import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { ProviderError } from '../../../src/core/provider-error.js';
import { Random } from '../../../src/core/random.js';
import type { CallGate, CallOptions } from '../../../src/engine/call-gate.js';
import type { GapNote } from '../../../src/providers/contract/row-writers.js';
import { CONTIGUOUS_CHAIN, PREVIOUS_CHAIN } from '../../../src/providers/network/book-sync.js';
import { type BookChange, SyncedBook } from '../../../src/providers/network/synced-book.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';
import { factsOf, hasRecordedData, recordedPath, recordedTitle } from '../../support/recorded-data.js';

const settle = () => new Promise((resolve) => setImmediate(resolve));
const untimed = (gate: CallGate) => ({ gate, clock: new VirtualClock(), random: () => 0 });

function bookRig(more: { turn?: () => Promise<() => void>; whenRoom?: () => Promise<void> } = {}) {
  const clock = new VirtualClock();
  const askedMs: number[] = [];
  const calls: CallOptions[] = [];
  const answered: CallOptions[] = [];
  const fetches: { resolve(id: number): void; reject(error: unknown): void }[] = [];
  const log: string[] = [];
  const gaps: GapNote[] = [];
  const stopping = new AbortController();
  const failures: unknown[] = [];
  const gate: CallGate = {
    async call(call, options = {}) {
      calls.push(options);
      const answer = await call(options.signal ?? stopping.signal);
      answered.push(options);
      return answer;
    },
  };
  const book = new SyncedBook<BookChange, { readonly id: number }>({
    symbol: 'BTC',
    chain: CONTIGUOUS_CHAIN,
    context: { gate, clock, random: () => 0.999_999 },
    writer: { gap: (gap) => gaps.push(gap) },
    signal: stopping.signal,
    cost: 50,
    snapshotsMax: 3,
    fetch: () =>
      new Promise((resolve, reject) => {
        askedMs.push(Math.round(Number(clock.now()) / 1e6));
        fetches.push({ resolve: (id) => resolve({ id }), reject });
      }),
    begin: ({ id }, why) => log.push(`begin ${id} ${why}`),
    apply: ({ first, last }) => log.push(`apply ${first}-${last}`),
    fail: (error) => failures.push(error),
    ...more,
  });
  return { book, clock, askedMs, calls, answered, fetches, log, gaps, stopping, failures };
}

const at = (timeMs: number, first: number, last = first): BookChange => ({ timeMs, first, last });

describe('a synced book', () => {
  it('fetches its snapshot through the gate, at its cost, and applies what is newer', async () => {
    const { book, calls, fetches, log, gaps } = bookRig();
    book.change(at(1, 1, 2));
    book.change(at(2, 3, 5));
    fetches[0]?.resolve(4);
    await settle();
    book.change(at(3, 6));
    expect(calls.map(({ cost }) => cost)).toEqual([50]);
    expect(log).toEqual(['begin 4 start', 'apply 3-5', 'apply 6-6']);
    expect(gaps).toEqual([]);
  });

  it('tells a gap from the last change before a hole until the new snapshot', async () => {
    const { book, fetches, log, gaps } = bookRig();
    book.change(at(1_000, 1));
    fetches[0]?.resolve(0);
    await settle();
    book.change(at(2_000, 3));
    book.change(at(3_000, 4));
    fetches[1]?.resolve(3);
    await settle();
    expect(book.holes).toBe(1);
    expect(gaps).toEqual([
      { fromMs: 1_000, toMs: 3_000, symbol: 'BTC', reason: 'sequence: a change of the book is missing' },
    ]);
    expect(log).toEqual(['begin 0 start', 'apply 1-1', 'begin 3 hole', 'apply 4-4']);
  });

  it('waits longer each time before it fetches again where a snapshot is too old, and fails the connection in the end', async () => {
    const { book, clock, askedMs, fetches, failures } = bookRig();
    book.change(at(1, 10));
    for (const id of [1, 2, 3]) {
      expect(failures).toEqual([]);
      fetches.at(-1)?.resolve(id);
      await clock.advance(10_000);
    }
    expect(askedMs).toEqual([0, 999, 11_999]); // up to 1 s and 2 s after the answers, at 0 and 10 s
    expect(failures).toEqual([
      expect.objectContaining({ kind: 'protocol', message: expect.stringContaining('book of BTC') }),
    ]);
  });

  it('fetches its snapshot again by itself after an error that passes, before it fails the connection', async () => {
    const { book, clock, askedMs, fetches, log, failures } = bookRig();
    const error = new ProviderError('unavailable', 'no');
    book.change(at(1, 10));
    fetches[0]?.reject(error);
    await clock.advance(1_000);
    fetches[1]?.reject(new ProviderError('throttled', 'slow down', { retryAfterMs: 30_000 }));
    await clock.advance(30_000);
    fetches[2]?.resolve(9);
    await clock.advance(0);
    expect(askedMs).toEqual([0, 999, 31_000]);
    expect(log).toEqual(['begin 9 start', 'apply 10-10']);
    book.change(at(2, 12)); // a hole
    for (let i = 3; i < 8; i++) {
      expect(failures).toEqual([]);
      fetches[i]?.reject(error);
      await clock.advance(60_000);
    }
    expect(failures).toEqual([error]);
    expect(clock.timersPending).toBe(0);
  });

  it('fails the connection at once if no snapshot will ever be had', async () => {
    const { book, fetches, failures } = bookRig();
    const error = new ProviderError('invalid-request', 'no');
    book.change(at(1, 10));
    fetches[0]?.reject(error);
    await settle();
    expect(failures).toEqual([error]);
  });

  it('asks for no snapshot before its turn, and keeps only the last change until then', async () => {
    let begin = () => {};
    let turns = 0;
    const turn = () =>
      new Promise<() => void>((resolve) => {
        begin = () => {
          turns++;
          resolve(() => turns--);
        };
      });
    const { book, fetches, log, gaps } = bookRig({ turn });
    for (let n = 1; n <= 5; n++) book.change(at(n, n));
    await settle();
    expect(fetches).toHaveLength(0);
    expect(book.isWaitingForTurn).toBe(true);
    begin();
    await settle();
    expect(book.isWaitingForTurn).toBe(false);
    book.change(at(6, 6));
    fetches[0]?.resolve(3); // too old: 4 was not kept
    await settle();
    expect(log).toEqual([]);
    const later = bookRig({ turn });
    for (let n = 1; n <= 5; n++) later.book.change(at(n, n));
    begin();
    await settle();
    later.book.change(at(6, 6));
    later.fetches[0]?.resolve(4);
    await settle();
    expect(later.log).toEqual(['begin 4 start', 'apply 5-5', 'apply 6-6']);
    expect(turns).toBe(1); // that of the first book, which fetches again
    later.book.change(at(8, 8)); // a hole
    later.book.change(at(9, 9));
    await settle();
    expect(later.fetches).toHaveLength(1);
    begin();
    await settle();
    later.fetches[1]?.resolve(8);
    await settle();
    expect(later.gaps).toMatchObject([{ fromMs: 6, toMs: 9 }]);
    expect(gaps).toEqual([]);
  });

  it('waits for room for its snapshot behind the call of the gate', async () => {
    let makeRoom = () => {};
    const whenRoom = () =>
      new Promise<void>((resolve) => {
        makeRoom = resolve;
      });
    const { book, answered, fetches, log } = bookRig({ whenRoom });
    book.change(at(1, 1));
    fetches[0]?.resolve(0);
    await settle();
    expect(answered).toHaveLength(1);
    expect(log).toEqual([]);
    book.change(at(2, 2));
    makeRoom();
    await settle();
    expect(log).toEqual(['begin 0 start', 'apply 1-1', 'apply 2-2']);
  });

  it('stops with its connection', async () => {
    const { book, fetches, log, failures, stopping } = bookRig();
    book.change(at(1, 1));
    stopping.abort();
    fetches[0]?.resolve(0);
    await settle();
    const other = bookRig();
    other.book.change(at(1, 1));
    other.stopping.abort();
    other.fetches[0]?.reject(new Error('aborted'));
    await settle();
    const waiting = bookRig();
    waiting.book.change(at(1, 10));
    waiting.fetches[0]?.resolve(1);
    await settle();
    expect(waiting.clock.timersPending).toBe(1);
    waiting.stopping.abort();
    await settle();
    expect(waiting.clock.timersPending).toBe(0);
    expect(waiting.fetches).toHaveLength(1);
    expect([...log, ...failures, ...other.failures, ...waiting.failures]).toEqual([]);
  });
});

interface RecordedFacts {
  readonly book_after_last_depth_message: {
    readonly depth_messages_applied: number;
    readonly last_u: number;
    readonly best_bid: readonly [string, string];
    readonly best_ask: readonly [string, string];
    readonly bid_levels: number;
    readonly ask_levels: number;
  };
}

type Levels = readonly (readonly [string, string])[];

interface Diff extends BookChange {
  readonly b: Levels;
  readonly a: Levels;
}

interface Depth {
  readonly id: number;
  readonly bids: Levels;
  readonly asks: Levels;
}

type Recorded = { readonly diff: Diff } | { readonly depth: Depth };

/** The changes and the snapshot of a recorded file, in order of receipt. */
function recorded(path: string): Recorded[] {
  const lines = gunzipSync(readFileSync(recordedPath(path)))
    .toString('utf8')
    .split('\n');
  return lines.flatMap((line): Recorded[] => {
    if (!line.includes('depthUpdate') && !line.includes('lastUpdateId')) return [];
    const message = JSON.parse(line.slice(line.indexOf(' ') + 1));
    if (message.lastUpdateId !== undefined) {
      return [{ depth: { id: message.lastUpdateId, bids: message.bids, asks: message.asks } }];
    }
    const { U, u, pu, E, b, a } = message.data;
    return [{ diff: { first: U, last: u, previous: pu, timeMs: E, b, a } }];
  });
}

/** A book by price, as the text that it came as. */
class Sides {
  readonly bids = new Map<number, number>();
  readonly asks = new Map<number, number>();

  take(bids: Levels, asks: Levels) {
    for (const [side, levels] of [
      [this.bids, bids],
      [this.asks, asks],
    ] as const) {
      for (const [price, size] of levels) {
        if (Number(size) === 0) side.delete(Number(price));
        else side.set(Number(price), Number(size));
      }
    }
  }

  clear() {
    this.bids.clear();
    this.asks.clear();
  }

  copy(): Depth['bids'][] {
    return [this.bids, this.asks].map((side) => [...side].map(([price, size]) => [`${price}`, `${size}`]));
  }
}

describe.runIf(hasRecordedData)(recordedTitle('the books of the recorded captures'), () => {
  const files = [
    ['spot', 'raw-ws-binance/spot_btcusdt_20240808.gz', CONTIGUOUS_CHAIN],
    ['USD-M', 'raw-ws-binance/usdm_btcusdt_20240808.gz', PREVIOUS_CHAIN],
  ] as const;

  it.each(files)('equal the facts after the last change (%s)', async (_, path, chain) => {
    const facts = factsOf<RecordedFacts>(path).book_after_last_depth_message;
    const sides = new Sides();
    let applied = 0;
    let last = 0;
    let give: (depth: Depth) => void = () => {};
    const book = new SyncedBook<Diff, Depth>({
      symbol: 'BTCUSDT',
      chain,
      context: untimed({ call: async (call) => call(new AbortController().signal) }),
      writer: { gap: () => expect.unreachable() },
      signal: new AbortController().signal,
      fetch: () =>
        new Promise((resolve) => {
          give = resolve;
        }),
      begin: ({ bids, asks }) => sides.take(bids, asks),
      apply: (diff) => {
        sides.take(diff.b, diff.a);
        last = diff.last;
        applied++;
      },
      fail: (error) => {
        throw error;
      },
    });
    for (const one of recorded(path)) {
      if ('diff' in one) book.change(one.diff);
      else {
        await settle();
        give(one.depth);
        await settle();
      }
    }
    expect(book.holes).toBe(0);
    expect(applied).toBe(facts.depth_messages_applied);
    expect(last).toBe(facts.last_u);
    expect([sides.bids.size, sides.asks.size]).toEqual([facts.bid_levels, facts.ask_levels]);
    const bid = Math.max(...sides.bids.keys());
    const ask = Math.min(...sides.asks.keys());
    expect([bid, sides.bids.get(bid)]).toEqual(facts.best_bid.map(Number));
    expect([ask, sides.asks.get(ask)]).toEqual(facts.best_ask.map(Number));
  });

  it.each(files)(
    'have exactly the holes of the lines that were dropped, and are right again after each (%s)',
    async (_, path, chain) => {
      const random = new Random(7);
      /** The venue's own book, of which snapshots are taken. */
      const venue = new Sides();
      let venueAt = 0;
      const sides = new Sides();
      const gaps: GapNote[] = [];
      const begins: string[] = [];
      let give: ((depth: Depth) => void) | undefined;
      const book = new SyncedBook<Diff, Depth>({
        symbol: 'BTCUSDT',
        chain,
        context: untimed({ call: async (call) => call(new AbortController().signal) }),
        writer: { gap: (gap) => gaps.push(gap) },
        signal: new AbortController().signal,
        fetch: () =>
          new Promise((resolve) => {
            give = resolve;
          }),
        begin: ({ bids, asks }, why) => {
          begins.push(why);
          sides.clear();
          sides.take(bids, asks);
        },
        apply: (diff) => sides.take(diff.b, diff.a),
        fail: (error) => {
          throw error;
        },
      });
      const all = recorded(path);
      const snapshotAt = all.findIndex((one) => 'depth' in one);
      const { depth } = all[snapshotAt] as { depth: Depth };
      const diffs = all.flatMap((one) => ('diff' in one ? [one.diff] : []));
      venue.take(depth.bids, depth.asks);
      venueAt = depth.id;
      let holes = 0;
      let isMissing = false;
      let waits = 0;
      let compared = 0;
      for (const [n, diff] of diffs.entries()) {
        if (diff.last > venueAt) {
          venue.take(diff.b, diff.a);
          venueAt = diff.last;
        }
        // Rarely enough that a book is in step again before the next one.
        if (n > 100 && n % 97 === 0 && random.next() < 0.7) {
          isMissing = true;
          continue;
        }
        if (isMissing) {
          holes++;
          isMissing = false;
        }
        book.change(diff);
        await Promise.resolve();
        if (give && ++waits >= 5) {
          waits = 0;
          const [bids = [], asks = []] = venue.copy();
          give({ id: venueAt, bids, asks });
          give = undefined;
          await settle();
        }
        if (n % 97 === 50 && n > 100) {
          expect(book.isInStep).toBe(true);
          expect(sides.bids.size).toBe(venue.bids.size);
          expect(sides.asks.size).toBe(venue.asks.size);
          expect(Math.max(...sides.bids.keys())).toBe(Math.max(...venue.bids.keys()));
          compared++;
        }
      }
      expect(holes).toBeGreaterThan(20);
      expect(compared).toBeGreaterThan(20);
      expect(book.holes).toBe(holes);
      expect(gaps).toHaveLength(holes);
      expect(begins).toEqual(['start', ...Array.from({ length: holes }, () => 'hole')]);
      expect(new Map([...sides.bids].sort())).toEqual(new Map([...venue.bids].sort()));
    },
  );
});
