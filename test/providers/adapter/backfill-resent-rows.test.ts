import { describe, expect, it } from 'vitest';
import { MemoryCheckpointStore } from '../../../src/checkpoints/memory-checkpoint-store.js';
import { fakeProvider } from '../../../src/testing/fake-provider.js';
import type { FakeStep } from '../../../src/testing/fake-script.js';
import { runStream } from '../../support/fake-stream.js';
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
      history: { faults: [{ fail: 'auth' }] },
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
