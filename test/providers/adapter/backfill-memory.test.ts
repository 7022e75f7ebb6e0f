import { describe, expect, it } from 'vitest';
import { ColumnMemory } from '../../../src/columns/column-memory.js';
import { DictionarySet } from '../../../src/columns/dictionary.js';
import { providerComponent } from '../../../src/registry/provider-component.js';
import { fakeProvider } from '../../../src/testing/fake-provider.js';
import type { FakeStep } from '../../../src/testing/fake-script.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';
import { START_MS } from '../../support/fake-stream.js';
import { stageContext } from '../../support/stage-context.js';

const SEQUENCE = { space: 'fake', scope: 'symbol', step: 'one' } as const;
const row = (n: number) => ({ symbol: 'BTC', timeMs: START_MS + n, price: n, sequence: n });
const HISTORY = Array.from({ length: 400 }, (_, i) => row(i + 1));

/** Reads a stream until it has passed so many ms, and closes it. */
async function readFor(ms: number, memory: ColumnMemory, pageMs: number) {
  const numbers = [1, 2, ...Array.from({ length: 100 }, (_, i) => i + 200)];
  const provider = fakeProvider({
    capabilities: {
      assetClasses: ['crypto'],
      streams: { trades: { delivery: 'resumable', sequence: SEQUENCE } },
      history: { trades: { sequence: SEQUENCE } },
    },
    trades: numbers.map((n): FakeStep => ({ trade: row(n) })),
    history: { trades: HISTORY, pageMs },
  });
  const options = { stream: 'trades', symbols: ['BTC'] };
  const factory = await providerComponent(provider).load(options, { use: 'fake', options });
  const clock = new VirtualClock();
  const source = factory.create(options, stageContext({ clock, dictionaries: new DictionarySet(memory) }));
  await source.open?.();
  let rows = 0;
  let failure: unknown;
  const reading = (async () => {
    for (let batch = await source.read(); batch; batch = await source.read()) {
      rows += batch.length;
      batch.release();
    }
  })().catch((error: unknown) => {
    failure = error;
  });
  await clock.advance(ms);
  await Promise.all([source.close?.(), clock.advance(10_000)]);
  await reading;
  return { rows, failure, timersPending: clock.timersPending };
}

describe('the memory of a backfill', () => {
  it.each([
    ['filled', 10, 0, 299],
    ['given up', 11_000, 60_000, 102],
    ['left alone', 10, 60_000, 2],
  ])('is given back once it is %s and closed', async (_, ms, pageMs, rows) => {
    const memory = new ColumnMemory();
    const end = await readFor(ms, memory, pageMs);
    expect(end).toMatchObject({ rows, failure: undefined, timersPending: 0 });
    expect(memory.current).toBe(0);
  });

  it('fails the stream, and nothing else, where there is too little of it', async () => {
    const needed = new ColumnMemory();
    await readFor(10, needed, 0);
    let failed = 0;
    for (let limit = 1_000; limit < needed.peak; limit += 500) {
      const memory = new ColumnMemory(limit);
      const { failure, timersPending } = await readFor(11_000, memory, 0);
      if (failure !== undefined) {
        failed++;
        expect(failure).toMatchObject({ code: 'MEMORY_EXHAUSTED' });
      }
      expect([memory.current, timersPending]).toEqual([0, 0]);
    }
    expect(failed).toBeGreaterThan(0);
  });
});
