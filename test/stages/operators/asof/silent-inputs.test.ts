import { describe, expect, it } from 'vitest';
import { MemoryCheckpointStore } from '../../../../src/checkpoints/memory-checkpoint-store.js';
import type { PlainData } from '../../../../src/core/plain-data.js';
import { SimulatedClock } from '../../../support/simulated-clock.js';
import { at, live, quoted, statisticsOf, traded } from './live-rig.js';

describe('asof with a second source that has had no row', () => {
  it.each([
    ['', {}],
    [', a merge', { with: { use: 'merge', sources: [{ use: 'quotes' }] } }],
  ])('joins rows without it after a while, and tells so once%s', async (_, options) => {
    const { clock, trades, rows, pipeline, run, warnings } = await live({ idle: '3s', ...options });
    trades.push(traded(0, 1));
    await clock.advance(2_900);
    expect(rows()).toEqual([]);
    await clock.advance(500);
    expect(rows()).toEqual([[1, null]]);
    trades.push(traded(3_400, 2));
    await clock.advance(3_500);
    expect(rows()).toEqual([
      [1, null],
      [2, null],
    ]);
    expect(warnings).toEqual([
      [{ input: 'operators[0].with' }, 'an input has had no row yet: rows are joined without it'],
    ]);
    pipeline.stop();
    await run;
    expect(clock.timersPending).toBe(0);
  });

  it('waits for it again as for any other once it has a row', async () => {
    const { clock, trades, quotes, rows, pipeline, run } = await live({ idle: '3s' });
    trades.push(traded(0, 1));
    await clock.advance(3_500);
    quotes.push(quoted(3_500, 10));
    trades.push(traded(3_510, 2));
    await clock.advance(5);
    expect(rows()).toEqual([[1, null]]);
    await clock.advance(300);
    expect(rows()).toEqual([
      [1, null],
      [2, 10],
    ]);
    pipeline.stop();
    await run;
  });

  it('joins with what was kept, where it is silent after a restart', async () => {
    const store = new MemoryCheckpointStore();
    const first = await live({ idle: '3s' }, { store });
    first.quotes.push(quoted(0, 10));
    await first.clock.advance(1);
    first.trades.push(traded(2, 1));
    await first.clock.advance(1);
    first.pipeline.suspend();
    expect(await first.run).toMatchObject({ reason: 'suspended' });
    expect(first.rows()).toEqual([]);

    const second = await live({ idle: '3s' }, { store });
    await second.clock.advance(2_900);
    expect(second.rows()).toEqual([]);
    await second.clock.advance(500);
    expect(second.rows()).toEqual([[1, 10]]);
    second.trades.push(traded(3_500, 2));
    await second.clock.advance(3_500);
    expect(second.rows()).toEqual([
      [1, 10],
      [2, 10],
    ]);
    second.pipeline.stop();
    await second.run;
  });

  it('does not wait for one of which there are only rows from before a restart', async () => {
    const store = new MemoryCheckpointStore();
    const first = await live({ idle: '3s' }, { store });
    first.quotes.push(quoted(0, 10));
    await first.clock.advance(1);
    first.trades.push(traded(2, 1));
    await first.clock.advance(1);
    first.quotes.push(quoted(1, 11));
    first.pipeline.suspend();
    await first.run;

    const clock = new SimulatedClock({ now: 1_000_000n, wall: at(100_000) });
    const second = await live({ idle: '3s' }, { store }, { clock });
    second.trades.push(traded(100_000, 2));
    await clock.advance(3_500);
    expect(second.rows()).toEqual([
      [1, 11],
      [2, 11],
    ]);
    second.pipeline.stop();
    await second.run;
  });

  it('waits for it as long after a pause as without one', async () => {
    const { clock, trades, rows, pipeline, run } = await live({ idle: '3s' });
    trades.push(traded(0, 1));
    await clock.advance(1_000);
    pipeline.pause();
    trades.push(traded(1_000, 2)); // the read that is under way
    await clock.advance(60_000);
    pipeline.resume();
    await clock.advance(1_000);
    expect(rows()).toEqual([]);
    await clock.advance(1_500);
    expect(rows()).toEqual([[1, null]]);
    pipeline.stop();
    await run;
  });

  it('waits for rows within the tolerance, too, where later ones count', async () => {
    const options = { idle: '3s', direction: 'forward', tolerance: '5s' };
    const { clock, trades, rows, pipeline, run } = await live(options);
    trades.push(traded(0, 1));
    await clock.advance(7_900);
    expect(rows()).toEqual([]);
    await clock.advance(500);
    expect(rows()).toEqual([[1, null]]);
    pipeline.stop();
    await run;
  });

  it('ends once the rows have ended', async () => {
    const { clock, trades, rows, run } = await live({ idle: '3s' });
    trades.push(traded(0, 1));
    trades.end();
    await clock.advance(3_500);
    expect(await run).toMatchObject({ outcome: 'completed', reason: 'end of input', rowsPending: 0 });
    expect(rows()).toEqual([[1, null]]);
  });

  it('counts its rows as late that rows were joined without', async () => {
    const rig = await live({ idle: '3s' });
    const { clock, trades, quotes, rows, pipeline, run } = rig;
    trades.push(traded(3_000, 1));
    await clock.advance(3_500);
    expect(rows()).toEqual([[1, null]]);
    quotes.push(quoted(2_900, 10), quoted(3_100, 11));
    await clock.advance(1);
    expect(statisticsOf(rig, 'operators[0]')).toMatchObject({ sideRowsLate: 1, sideRowsKept: 1 });
    pipeline.stop();
    await run;
  });

  it('waits for bars of it that are not over yet', async () => {
    const options = {
      idle: '3s',
      operators: [{ use: 'bars', every: '1m', price: 'bid' }],
      take: ['close'],
    };
    const { clock, trades, quotes, run, pipeline, joined } = await live(options);
    quotes.push(quoted(0, 10));
    trades.push(traded(0, 1));
    await clock.advance(50_000);
    expect(joined()).toEqual([]);
    await clock.advance(11_000);
    expect(joined()).toMatchObject([{ price: 1, close: 10 }]);
    pipeline.stop();
    await run;
  });
});

/** Rows behind it tell no time: that of their source is not theirs. */
const RETIMED = { use: 'derive', columns: { time: 'time' } };

describe('asof of an input whose operators change its time', () => {
  it('waits for a second source no longer than "idle" behind the rows, and tells so once', async () => {
    const options = { idle: '3s', operators: [RETIMED] };
    const { clock, trades, quotes, rows, pipeline, run, warnings } = await live(options);
    quotes.push(quoted(0, 10), quoted(0, 20, 'B'));
    trades.push(traded(0, 1));
    await clock.advance(2_900);
    expect(rows()).toEqual([]);
    await clock.advance(500);
    expect(rows()).toEqual([[1, 10]]);
    trades.push(traded(3_400, 2));
    await clock.advance(1);
    quotes.push(quoted(3_401, 11));
    await clock.advance(5);
    expect(rows()).toEqual([
      [1, 10],
      [2, 10],
    ]);
    expect(warnings).toEqual([
      [{ input: 'operators[0].with' }, expect.stringContaining('does not tell its time')],
    ]);
    pipeline.stop();
    await run;
  });

  it('keeps no more of the second source than the rows of the last "idle" may need', async () => {
    const rig = await live({ idle: '3s', rowsMax: 16 }, {}, { before: [RETIMED] });
    const { clock, trades, quotes, rows, pipeline, run } = rig;
    trades.push(traded(0, 1));
    for (let second = 0; second < 60; second++) {
      quotes.push(quoted(1_000 * second, second), quoted(1_000 * second, 100 + second, 'B'));
      await clock.advance(1_000);
    }
    trades.push(traded(60_000, 2, 'B'));
    await clock.advance(500);
    expect(rows()).toEqual([
      [1, 0],
      [2, 159],
    ]);
    pipeline.stop();
    await run;
  });
});

describe('asof before the first row', () => {
  it('reads its live second source', async () => {
    const rig = await live();
    const { clock, trades, quotes, rows, pipeline, run } = rig;
    quotes.push(quoted(0, 10), quoted(1, 11));
    await clock.advance(5);
    expect(statisticsOf(rig, 'operators[0].with')).toMatchObject({ rowsIn: 2 });
    expect(statisticsOf(rig, 'operators[0]')).toMatchObject({ sideRowsKept: 2 });
    trades.push(traded(2, 1));
    await clock.advance(500);
    expect(rows()).toEqual([[1, 11]]);
    pipeline.stop();
    await run;
  });

  it('keeps no more of the second source than the last rows', async () => {
    const rig = await live({ idle: '3s', rowsMax: 8 });
    const { clock, trades, quotes, rows, pipeline, run } = rig;
    for (let second = 0; second < 60; second++) {
      quotes.push(quoted(1_000 * second, second), ...(second === 0 ? [quoted(0, 100, 'B')] : []));
      await clock.advance(1_000);
    }
    expect(statisticsOf(rig, 'operators[0]').sideRowsKept).toBeLessThan(7);
    trades.push(traded(60_000, 1), traded(60_000, 2, 'B'));
    await clock.advance(500);
    expect(rows()).toEqual([
      [1, 59],
      [2, 100],
    ]);
    pipeline.stop();
    await run;
  });

  it('keeps what rows need that wait since before a restart', async () => {
    const store = new MemoryCheckpointStore();
    const first = await live({ idle: '3s' }, { store });
    first.quotes.push(quoted(0, 10));
    await first.clock.advance(1);
    first.trades.push(traded(5, 1));
    await first.clock.advance(1);
    first.pipeline.suspend();
    await first.run;

    const second = await live({ idle: '3s' }, { store });
    await second.clock.advance(2_000);
    second.quotes.push(quoted(1, 11));
    await second.clock.advance(1);
    second.quotes.push(quoted(20_000, 12));
    await second.clock.advance(5);
    expect(second.rows()).toEqual([[1, 11]]);
    second.pipeline.stop();
    await second.run;
  });

  it('keeps no more of the second source for rows that wait since before a restart', async () => {
    const store = new MemoryCheckpointStore();
    const options = { idle: '3s', rowsMax: 8 };
    const first = await live(options, { store });
    first.quotes.push(quoted(0, 10));
    await first.clock.advance(1);
    first.trades.push(traded(5, 1));
    await first.clock.advance(1);
    first.pipeline.suspend();
    await first.run;

    const clock = new SimulatedClock({ now: 1_000_000n, wall: at(100_000) });
    const second = await live(options, { store }, { clock });
    for (let seconds = 100; seconds < 160; seconds++) {
      second.quotes.push(quoted(1_000 * seconds, seconds));
      await clock.advance(1_000);
    }
    expect(second.rows()).toEqual([[1, 10]]);
    expect(statisticsOf(second, 'operators[0]').sideRowsKept).toBeLessThan(7);
    second.pipeline.stop();
    expect(await second.run).toMatchObject({ outcome: 'stopped' });
  });

  it('keeps what each of several rows needs that wait since before a restart', async () => {
    const store = new MemoryCheckpointStore();
    const first = await live({ idle: '3s' }, { store });
    first.quotes.push(quoted(0, 10));
    await first.clock.advance(1);
    first.trades.push(traded(5, 1));
    await first.clock.advance(1);
    first.trades.push(traded(8, 2));
    await first.clock.advance(1);
    first.pipeline.suspend();
    await first.run;

    const second = await live({ idle: '3s' }, { store });
    await second.clock.advance(2_900);
    second.quotes.push(quoted(1, 11));
    await second.clock.advance(200);
    second.quotes.push(quoted(6, 12), quoted(10_000, 13), quoted(20_000, 14));
    await second.clock.advance(5);
    expect(second.rows()).toEqual([
      [1, 11],
      [2, 12],
    ]);
    second.pipeline.stop();
    await second.run;
  });
});

describe('asof from a checkpoint that does not say which inputs have told their time', () => {
  it('waits no longer than "idle" for a second source that tells none', async () => {
    const store = new MemoryCheckpointStore();
    const options = { idle: '3s', operators: [RETIMED] };
    const first = await live(options, { store });
    first.quotes.push(quoted(0, 10));
    first.trades.push(traded(0, 1));
    await first.clock.advance(1);
    first.pipeline.suspend();
    await first.run;

    const load = store.load.bind(store);
    store.load = async (key) => {
      const loaded = await load(key);
      const { haveToldTime: _, ...state } = loaded!.states['operators[0]'] as { haveToldTime: PlainData };
      return { ...loaded!, states: { ...loaded!.states, 'operators[0]': state } };
    };
    const second = await live(options, { store });
    second.quotes.push(quoted(1, 20, 'B'));
    await second.clock.advance(3_500);
    expect(second.rows()).toEqual([[1, 10]]);
    second.pipeline.stop();
    await second.run;
  });
});
