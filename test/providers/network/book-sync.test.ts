import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type BookChain,
  type BookChangeIds,
  BookSync,
  CONTIGUOUS_CHAIN,
  PREVIOUS_CHAIN,
} from '../../../src/providers/network/book-sync.js';

const change = (first: number, last: number, previous = first - 1): BookChangeIds => ({
  first,
  last,
  previous,
});

describe('the synchronisation of a book', () => {
  it('asks for a snapshot with the first change, and for one at a time', () => {
    const sync = new BookSync(CONTIGUOUS_CHAIN);
    expect(sync.change(change(1, 3))).toEqual({ do: 'fetch', why: 'start' });
    expect(sync.change(change(4, 4))).toEqual({ do: 'nothing' });
    expect(sync.isInStep).toBe(false);
  });

  it('begins with the snapshot and the changes that are newer', () => {
    const sync = new BookSync(CONTIGUOUS_CHAIN);
    for (const each of [change(1, 3), change(4, 6), change(7, 9)]) sync.change(each);
    expect(sync.snapshot(5)).toEqual({ do: 'begin', why: 'start', changes: [change(4, 6), change(7, 9)] });
    expect(sync.last).toBe(9);
    expect(sync.change(change(10, 10))).toEqual({ do: 'apply' });
  });

  it.each([
    ['contiguous', CONTIGUOUS_CHAIN, change(10, 12), 9, true],
    ['contiguous', CONTIGUOUS_CHAIN, change(10, 12), 11, true],
    ['contiguous', CONTIGUOUS_CHAIN, change(10, 12), 12, false],
    ['contiguous', CONTIGUOUS_CHAIN, change(10, 12), 8, false],
    ['previous', PREVIOUS_CHAIN, change(10, 12, 7), 10, true],
    ['previous', PREVIOUS_CHAIN, change(10, 12, 7), 12, true],
    ['previous', PREVIOUS_CHAIN, change(10, 12, 7), 7, true],
    ['previous', PREVIOUS_CHAIN, change(10, 12, 7), 9, true], // no update is numbered 8 or 9
    ['previous', PREVIOUS_CHAIN, change(10, 12, 7), 6, false],
    ['previous', PREVIOUS_CHAIN, { first: 10, last: 12 }, 9, false],
    ['previous', PREVIOUS_CHAIN, { first: 10, last: 12 }, 10, true],
    ['previous', PREVIOUS_CHAIN, change(10, 12, 7), 13, false],
  ] satisfies [string, BookChain, BookChangeIds, number, boolean][])(
    'of a %s chain, knows whether a change can be the first after a snapshot',
    (_, chain, first, snapshotId, covers) => {
      expect(chain.covers(snapshotId, first)).toBe(covers);
    },
  );

  it.each([
    ['contiguous', CONTIGUOUS_CHAIN, change(103, 108), true], // another connection parts the updates elsewhere
    ['contiguous', CONTIGUOUS_CHAIN, change(106, 108), true],
    ['contiguous', CONTIGUOUS_CHAIN, change(107, 108), false],
    ['contiguous', CONTIGUOUS_CHAIN, change(103, 105), false],
    ['previous', PREVIOUS_CHAIN, change(103, 108, 102), true],
    ['previous', PREVIOUS_CHAIN, change(110, 112, 105), true],
    ['previous', PREVIOUS_CHAIN, change(110, 112, 106), false],
    ['previous', PREVIOUS_CHAIN, change(103, 105, 102), false],
    ['previous', PREVIOUS_CHAIN, { first: 106, last: 108 }, false],
  ] satisfies [string, BookChain, BookChangeIds, boolean][])(
    'of a %s chain, takes a change that overlaps what it has, and none behind a hole (%#)',
    (_, chain, next, follows) => {
      expect(chain.follows(105, next)).toBe(follows);
    },
  );

  it('fetches again if the snapshot is older than the first change, so many times', () => {
    const sync = new BookSync(CONTIGUOUS_CHAIN, { snapshotsMax: 3 });
    sync.change(change(10, 12));
    expect(sync.snapshot(5)).toEqual({ do: 'fetch', why: 'start' });
    expect(sync.snapshot(8)).toEqual({ do: 'fetch', why: 'start' });
    expect(sync.snapshot(8)).toEqual({ do: 'give-up', snapshots: 3 });
    expect(sync.change(change(13, 13))).toEqual({ do: 'fetch', why: 'start' });
    expect(sync.snapshot(9)).toMatchObject({ do: 'begin', changes: [change(10, 12), change(13, 13)] });
  });

  it('begins with a snapshot that is newer than all changes, and the next one has to cover it', () => {
    const sync = new BookSync(CONTIGUOUS_CHAIN);
    sync.change(change(1, 3));
    expect(sync.snapshot(7)).toEqual({ do: 'begin', why: 'start', changes: [] });
    expect(sync.change(change(4, 6))).toEqual({ do: 'nothing' });
    expect(sync.change(change(7, 9))).toEqual({ do: 'apply' });
    expect(sync.change(change(10, 12))).toEqual({ do: 'apply' });
    const other = new BookSync(CONTIGUOUS_CHAIN);
    other.change(change(1, 3));
    other.snapshot(7);
    expect(other.change(change(9, 9))).toEqual({ do: 'fetch', why: 'hole' });
  });

  it('leaves out what it has seen', () => {
    const sync = new BookSync(CONTIGUOUS_CHAIN);
    sync.change(change(1, 3));
    sync.change(change(1, 3));
    sync.snapshot(0);
    expect(sync.change(change(1, 3))).toEqual({ do: 'nothing' });
    expect(sync.change(change(4, 4))).toEqual({ do: 'apply' });
    expect(sync.snapshot(99)).toEqual({ do: 'nothing' });
  });

  it('begins anew after a hole, and holes while the snapshot is fetched want a newer one', () => {
    const sync = new BookSync(CONTIGUOUS_CHAIN);
    sync.change(change(1, 3));
    sync.snapshot(0);
    expect(sync.change(change(5, 5))).toEqual({ do: 'fetch', why: 'hole' });
    sync.change(change(8, 8));
    expect(sync.snapshot(6)).toEqual({ do: 'fetch', why: 'hole' });
    expect(sync.snapshot(7)).toEqual({ do: 'begin', why: 'hole', changes: [change(8, 8)] });
  });

  it('begins anew where the numbers of the venue do, in step and while a snapshot is fetched', () => {
    const sync = new BookSync(CONTIGUOUS_CHAIN);
    sync.change(change(50_000, 50_003));
    sync.snapshot(50_000);
    expect(sync.change(change(49_000, 49_001))).toEqual({ do: 'nothing' }); // seen
    expect(sync.change(change(3, 5))).toEqual({ do: 'fetch', why: 'hole' });
    expect(sync.snapshot(4)).toEqual({ do: 'begin', why: 'hole', changes: [change(3, 5)] });
    const fetching = new BookSync(CONTIGUOUS_CHAIN);
    fetching.change(change(50_000, 50_003));
    fetching.change(change(3, 5));
    expect(fetching.snapshot(4)).toEqual({ do: 'begin', why: 'start', changes: [change(3, 5)] });
  });

  it('keeps no more bytes than it may, the last change always, and begins anew for those it dropped', () => {
    const sync = new BookSync(CONTIGUOUS_CHAIN, { bytesMax: 1_000 });
    const large = (at: number, bytes: number) => ({ ...change(at, at), bytes });
    sync.change(large(1, 100));
    for (let at = 2; at <= 10; at++) sync.change(large(at, 100));
    sync.change(large(11, 100)); // one too many: half of the bytes go
    expect(sync.snapshot(0)).toEqual({ do: 'fetch', why: 'overflow' });
    expect(sync.snapshot(6)).toMatchObject({ do: 'begin', why: 'overflow', changes: { length: 5 } });

    const again = new BookSync(CONTIGUOUS_CHAIN, { bytesMax: 1_000 });
    again.change(large(1, 10));
    again.change(large(2, 5_000));
    expect(again.snapshot(1)).toMatchObject({ do: 'begin', changes: [{ first: 2 }] });
    // What was let go counts no more.
    for (const at of [5, 6, 7]) again.change(large(at, 300));
    expect(again.snapshot(4)).toMatchObject({ do: 'begin', why: 'hole', changes: { length: 3 } });
  });

  it('holds no more changes than its bound, and then wants a newer snapshot', () => {
    const sync = new BookSync(CONTIGUOUS_CHAIN, { changesMax: 4 });
    for (let n = 1; n <= 6; n++) sync.change(change(n, n));
    expect(sync.snapshot(1)).toEqual({ do: 'fetch', why: 'overflow' });
    expect(sync.snapshot(4)).toMatchObject({
      do: 'begin',
      why: 'overflow',
      changes: [{ first: 5 }, { first: 6 }],
    });
  });

  it('asks again with the next change when a snapshot could not be fetched', () => {
    const sync = new BookSync(CONTIGUOUS_CHAIN);
    sync.change(change(1, 1));
    sync.snapshotFailed();
    expect(sync.change(change(2, 2))).toEqual({ do: 'fetch', why: 'start' });
    expect(sync.snapshot(0)).toMatchObject({ changes: [change(1, 1), change(2, 2)] });
  });

  it.each([
    ['contiguous', CONTIGUOUS_CHAIN],
    ['previous', PREVIOUS_CHAIN],
  ])(
    'of a %s chain, has the book of the venue whenever it is in step, whatever is late, lost or doubled',
    (_, chain) => {
      fc.assert(
        fc.property(
          fc.array(
            fc.record({
              updates: fc.integer({ min: 1, max: 4 }),
              /** Numbers that the venue uses for something else: only a chain by the one before may have them. */
              skipped: fc.integer({ min: 0, max: 2 }),
              fate: fc.constantFrom('comes', 'comes', 'comes', 'comes', 'lost', 'doubled'),
              /** A snapshot arrives that was taken so many changes ago. */
              snapshotAge: fc.option(fc.integer({ min: 0, max: 3 })),
            }),
            { maxLength: 60 },
          ),
          (steps) => {
            const sync = new BookSync<BookChangeIds>(chain, { changesMax: 8, snapshotsMax: 1_000 });
            const ends = [100];
            let at = 100; // what the book of the client is as of; NaN: not known
            let isAsked = false;
            let lost = false;
            const take = (step: ReturnType<typeof sync.change>, by?: BookChangeIds) => {
              if (step.do === 'fetch') {
                isAsked = true;
                at = Number.NaN;
              } else if (step.do === 'apply' && by) {
                expect(lost).toBe(false); // a hole was told before
                at = by.last;
              }
            };
            at = Number.NaN;
            for (const { updates, skipped, fate, snapshotAge } of steps) {
              const previous = ends.at(-1) as number;
              const first = previous + 1 + (chain === PREVIOUS_CHAIN ? skipped : 0);
              const next = { first, last: first + updates - 1, previous };
              ends.push(next.last);
              if (fate === 'lost') lost = true;
              for (let n = fate === 'lost' ? 0 : fate === 'doubled' ? 2 : 1; n > 0; n--) {
                if (sync.isInStep && lost) {
                  expect(sync.change(next)).toEqual({ do: 'fetch', why: 'hole' });
                  isAsked = true;
                  at = Number.NaN;
                } else take(sync.change(next), next);
                lost = false;
              }
              if (snapshotAge !== null && isAsked) {
                const id = ends[Math.max(0, ends.length - 1 - snapshotAge)] as number;
                isAsked = false;
                const step = sync.snapshot(id);
                if (step.do === 'begin') {
                  let last = id;
                  for (const one of step.changes) {
                    expect(last === id ? chain.covers(id, one) : chain.follows(last, one)).toBe(true);
                    last = one.last;
                  }
                  at = last;
                  // A change that was lost before the snapshot was taken is in it.
                  lost = lost && last < (ends.at(-1) as number);
                } else take(step);
              }
              if (sync.isInStep && !lost) expect(at).toBe(ends.at(-1));
              expect(Number.isNaN(at)).toBe(!sync.isInStep);
            }
          },
        ),
        { numRuns: 500 },
      );
    },
  );
});
