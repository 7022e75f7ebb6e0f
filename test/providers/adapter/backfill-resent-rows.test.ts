import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryCheckpointStore } from '../../../src/checkpoints/memory-checkpoint-store.js';
import { fakeProvider } from '../../../src/testing/fake-provider.js';
import type { FakeStep } from '../../../src/testing/fake-script.js';
import { runStream, START_MS } from '../../support/fake-stream.js';
import {
  BY_ONE,
  gapStep,
  numbered,
  playedOut,
  textsOf,
  trades,
  tradesOf,
  UPWARDS,
} from '../../support/filled-stream.js';

const history = (...numbers: readonly number[]) => ({ trades: numbers.map((n) => numbered(n)), pageMs: 20 });
const GAP = gapStep(5, 8);

describe('rows that a venue sends again behind a gap that its provider tells of', () => {
  it('come once where they were delivered before it', async () => {
    const { texts, statistics } = await playedOut({
      capabilities: tradesOf(BY_ONE),
      trades: [...trades(1, 2, 3, 4, 5), GAP, ...trades(4, 5, 8, 9)],
      history: history(1, 2, 3, 4, 5, 6, 7, 8, 9),
    });
    expect(texts).toEqual([1, 2, 3, 4, 5, 6, 7, 'backfilled 2', 8, 9]);
    expect(statistics).toMatchObject({ rowsDuplicate: 2, rowsMissing: 0 });
  });

  it('come once where they wait for missing rows', async () => {
    const { texts } = await playedOut({
      capabilities: tradesOf(BY_ONE),
      trades: [...trades(1, 2, 5, 6), GAP, ...trades(5, 6, 8, 9)],
      history: history(1, 2, 3, 4, 5, 6, 7, 8, 9),
    });
    expect(texts).toEqual([1, 2, 3, 4, 5, 6, 7, 'backfilled 3', 8, 9]);
  });

  it('are late rows where they are missing', async () => {
    const { texts, statistics } = await playedOut({
      capabilities: tradesOf(BY_ONE, { maxDelayMs: 10 }),
      trades: [...trades(1, 2), GAP, ...trades(8, 7, 9)],
      history: { faults: [{ fail: 'authentication' }] },
    });
    expect(texts.filter((one) => typeof one === 'number')).toEqual([1, 2, 7, 8, 9]);
    expect(texts.join()).toContain('4 rows are missing (3 to 6)');
    expect(statistics).toMatchObject({ rowsDuplicate: 0, rowsMissing: 4 });
  });

  it('come once where numbers only go up', async () => {
    const { texts } = await playedOut({
      capabilities: tradesOf(UPWARDS),
      trades: [...trades(2, 4, 6), GAP, ...trades(4, 6, 12)],
      history: history(2, 4, 6, 8, 10, 12),
    });
    expect(texts).toEqual([2, 4, 6, 8, 10, 'backfilled 2', 12]);
  });

  it('come once where they were fetched, and numbers only go up', async () => {
    const { texts } = await playedOut({
      capabilities: tradesOf(UPWARDS, { maxDelayMs: 10 }),
      trades: [
        ...trades(2),
        gapStep(2, 8),
        ...trades(8),
        { afterMs: 500, trade: numbered(4) },
        ...trades(10),
      ],
      history: history(2, 4, 6, 8),
    });
    expect(texts).toEqual([2, 4, 6, 'backfilled 2', 8, 10]);
  });

  it.each([
    ['go up by one', BY_ONE],
    ['go up', UPWARDS],
  ])('come once and in order, whatever is lost and sent again, where numbers %s', async (_, sequence) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            afterMs: fc.constantFrom(1, 15, 60, 400),
            isLost: fc.boolean(),
            isGap: fc.boolean(),
            again: fc.nat(4),
          }),
          { minLength: 3, maxLength: 20 },
        ),
        fc.integer({ min: 1, max: 5 }),
        async (drawn, pageRows) => {
          let [ms, waitMs, isMissed] = [0, 0, false];
          const had: ReturnType<typeof numbered>[] = [];
          const all: ReturnType<typeof numbered>[] = [];
          const steps: FakeStep[] = [];
          for (const [i, { afterMs, isLost, isGap, again }] of drawn.entries()) {
            ms += afterMs;
            waitMs += afterMs;
            const row = numbered(i + 1, ms);
            all.push(row);
            if (isLost && i > 0 && i < drawn.length - 1) {
              isMissed = true;
              continue;
            }
            if (isMissed || (isGap && i > 0)) {
              const fromMs = (had.at(-1)?.timeMs ?? 0) - START_MS;
              steps.push({ afterMs: waitMs, ...gapStep(fromMs, ms) });
              waitMs = 0;
              for (const trade of had.slice(-again || had.length)) steps.push({ trade });
            }
            steps.push({ afterMs: waitMs, trade: row });
            [waitMs, isMissed] = [0, false];
            had.push(row);
          }
          const { texts } = await playedOut({
            capabilities: tradesOf(sequence),
            trades: steps,
            history: { trades: all, pageRows, pageMs: 20, lagMs: 0 },
          });
          expect(texts.filter((one) => typeof one === 'number')).toEqual(all.map(({ price }) => price));
          expect(texts.join()).not.toContain('gap');
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('rows that a venue sends again after a restart', () => {
  it('come once where numbers only go up', async () => {
    const fail: FakeStep = { afterMs: 20, fail: 'disconnected' };
    const provider = fakeProvider({
      capabilities: tradesOf(UPWARDS),
      trades: (start) => (start === 0 ? [...trades(2, 4, 6), fail] : trades(2, 4, 8)),
      history: history(2, 4, 6, 8),
    });
    const options = { store: new MemoryCheckpointStore(), components: [provider] };
    const source = { silence: false };
    const first = await runStream({ options, source });
    await first.clock.advance(500);
    await first.outcome;
    const second = await runStream({ options, source });
    await second.clock.advance(15_000);
    await second.drained();
    expect(textsOf([...first.all, ...second.all])).toEqual([2, 4, 6, 'backfilled 0', 8]);
  });
});
