import { describe, expect, it } from 'vitest';
import { MemoryCheckpointStore } from '../../../../src/checkpoints/memory-checkpoint-store.js';
import { live, quoted, statisticsOf, traded } from './live-rig.js';

describe('asof of live sources', () => {
  it('answers a trade once a later quote has come, while no other trade comes', async () => {
    const { clock, trades, quotes, run, rows, pipeline } = await live();
    quotes.push(quoted(0, 10));
    trades.push(traded(5, 1));
    await clock.advance(2);
    expect(rows()).toEqual([]); // a quote of before 5 ms may be on its way
    quotes.push(quoted(5, 11));
    await clock.advance(2);
    expect(rows()).toEqual([]); // of the same instant, there may be another
    quotes.push(quoted(6, 12));
    await clock.advance(3);
    expect(rows()).toEqual([[1, 11]]);
    pipeline.stop();
    await run;
  });

  it('keeps trades in their order, whichever could be answered first', async () => {
    const { clock, trades, quotes, run, rows, pipeline } = await live();
    quotes.push(quoted(0, 10), quoted(0, 20, 'B'));
    trades.push(traded(5, 1));
    trades.push(traded(6, 2, 'B'));
    await clock.advance(1);
    quotes.push(quoted(9, 21, 'B'));
    await clock.advance(3);
    expect(rows()).toEqual([]);
    quotes.push(quoted(9, 11));
    await clock.advance(3);
    expect(rows()).toEqual([
      [1, 10],
      [2, 20],
    ]);
    pipeline.stop();
    await run;
  });

  it('answers a trade while the quotes are silent, as time goes on', async () => {
    const { clock, trades, quotes, run, rows, pipeline } = await live();
    quotes.push(quoted(0, 10));
    await clock.advance(1);
    trades.push(traded(2, 1));
    await clock.advance(100);
    expect(rows()).toEqual([]);
    await clock.advance(1_000);
    expect(rows()).toEqual([[1, 10]]);
    pipeline.stop();
    await run;
  });

  it('answers what it holds on a drain, with the quotes that have come', async () => {
    const { clock, trades, quotes, run, rows, pipeline } = await live();
    quotes.push(quoted(0, 10));
    await clock.advance(1);
    trades.push(traded(2, 1), traded(3, 2, 'B'));
    await clock.advance(1);
    pipeline.drain();
    const report = await run;
    expect(report).toMatchObject({ outcome: 'completed', reason: 'drained', rowsPending: 0 });
    expect(rows()).toEqual([
      [1, 10],
      [2, null],
    ]);
  });

  it('goes on after a suspend with what it held and with the quotes that it kept', async () => {
    const store = new MemoryCheckpointStore();
    const first = await live({}, { store });
    first.quotes.push(quoted(0, 10), quoted(0, 20, 'B'));
    await first.clock.advance(1);
    first.trades.push(traded(2, 1));
    await first.clock.advance(1);
    first.pipeline.suspend();
    expect(await first.run).toMatchObject({ reason: 'suspended' });
    expect(first.rows()).toEqual([]);

    const second = await live({}, { store });
    second.trades.push(traded(4, 2, 'B'));
    second.quotes.push(quoted(9, 11), quoted(9, 21, 'B'));
    await second.clock.advance(5);
    expect(second.rows()).toEqual([
      [1, 10],
      [2, 20],
    ]);
    second.pipeline.stop();
    await second.run;
  });

  it('keeps what it has found for the first rows of a batch while the last ones wait', async () => {
    const { clock, trades, quotes, run, rows, pipeline } = await live();
    quotes.push(quoted(0, 10));
    trades.push(traded(2, 1), traded(50, 2));
    await clock.advance(1);
    quotes.push(quoted(10, 20));
    await clock.advance(1);
    quotes.push(quoted(20, 30));
    await clock.advance(1);
    quotes.push(...[31, 32, 33, 34, 35, 36].map((ms) => quoted(ms, 10 + ms)));
    await clock.advance(1);
    quotes.push(quoted(60, 70));
    await clock.advance(2);
    expect(rows()).toEqual([
      [1, 10],
      [2, 46],
    ]);
    pipeline.stop();
    await run;
  });

  it('keeps it over a suspend as well', async () => {
    const store = new MemoryCheckpointStore();
    const first = await live({ age: 'age', late: 'stop' }, { store });
    first.quotes.push(quoted(0, 10));
    first.trades.push(traded(2, 1), traded(3, 5, 'C'), traded(50, 2));
    await first.clock.advance(1);
    first.quotes.push(quoted(10, 20), quoted(10, 20, 'C'));
    await first.clock.advance(1);
    first.quotes.push(quoted(20, 30));
    await first.clock.advance(1);
    first.pipeline.suspend();
    expect(await first.run).toMatchObject({ reason: 'suspended' });

    const second = await live({ age: 'age', late: 'stop' }, { store });
    second.quotes.push(quoted(60, 70));
    await second.clock.advance(5);
    expect(second.rows()).toEqual([
      [1, 10],
      [5, null],
      [2, 30],
    ]);
    second.pipeline.stop();
    await second.run;
  });

  it.each([
    ['forward', null],
    ['nearest', 10],
  ])(
    '%s, waits for a later quote of a silent symbol no longer than the tolerance',
    async (direction, bid) => {
      const { clock, trades, quotes, run, rows, pipeline } = await live({ direction, tolerance: '3s' });
      quotes.push(quoted(0, 10), quoted(0, 20, 'B'));
      await clock.advance(1);
      trades.push(traded(2_000, 1), traded(2_000, 2, 'B'));
      for (let second = 1; second < 4; second++) {
        await clock.advance(1_000);
        quotes.push(quoted(1_000 * second, 20 + second, 'B'));
      }
      await clock.advance(1);
      expect(rows()).toEqual([]);
      await clock.advance(2_500);
      expect(rows()).toEqual([
        [1, bid],
        [2, 22],
      ]);
      pipeline.stop();
      await run;
    },
  );

  it.each(['forward', 'nearest'])(
    '%s, are refused without a tolerance: a row may wait for ever',
    async (direction) => {
      const refusal = expect.objectContaining({
        code: 'SPEC_INVALID',
        problems: [{ path: ['operators', 0, 'tolerance'], message: expect.stringContaining('is live') }],
      });
      await expect(live({ direction })).rejects.toEqual(refusal);
      const merged = { use: 'merge', sources: [{ use: 'quotes' }] };
      await expect(live({ direction, with: merged })).rejects.toEqual(refusal);
    },
  );

  it('fails with the name of the input that lags, where no more rows may wait for it', async () => {
    const { clock, trades, run } = await live({ rowsMax: 3 });
    trades.push(traded(1, 1), traded(2, 2));
    await clock.advance(1);
    trades.push(traded(3, 3), traded(4, 4));
    await clock.advance(1);
    const { error } = await run;
    expect(error).toMatchObject({ code: 'INPUT_LAGS', retryable: true });
    expect(error?.message).toContain('Source "quotes" (operators[0].with) lags behind the rows');
  });

  it('names the symbol of a row that waits while no more rows of others may be kept', async () => {
    const { clock, trades, quotes, run } = await live({ rowsMax: 3 });
    trades.push(traded(1, 1));
    await clock.advance(1);
    quotes.push(...[2, 3, 4, 5].map((ms) => quoted(ms, 10, 'B')));
    await clock.advance(1);
    const { error } = await run;
    expect(error).toMatchObject({ code: 'INPUT_LAGS', retryable: true });
    expect(error?.message).toContain('Source "quotes" (operators[0].with) lags with its rows of "A"');
    expect(error?.message).toContain('lower its "maxDelay"');
  });

  it.each([
    ['the rows that wait', traded, '4 rows wait with it'],
    ['the later rows that are kept', quoted, '3 rows are kept'],
  ])(
    'names the symbol of a row that waits within the tolerance while there is no room for %s',
    async (_, row, meanwhile) => {
      const { clock, trades, quotes, run } = await live({
        direction: 'forward',
        tolerance: '1h',
        rowsMax: 3,
      });
      trades.push(traded(0, 1));
      quotes.push(quoted(0, 10, 'B'));
      await clock.advance(500);
      const feed = row === traded ? trades : quotes;
      for (let i = 0; i < 3; i++) {
        feed.push(row(500 + i, 1, 'B'));
        await clock.advance(1);
      }
      if (row === quoted) quotes.push(quoted(510, 1, 'B'));
      await clock.advance(1);
      const { error } = await run;
      expect(error).toMatchObject({ code: 'INPUT_LAGS', retryable: true });
      expect(error?.message).toContain('lags with its rows of "A"');
      expect(error?.message).toContain(`${meanwhile} meanwhile, all that may: lower "tolerance"`);
    },
  );

  it('fails with what its second source failed with', async () => {
    const { clock, trades, quotes, run } = await live();
    trades.push(traded(1, 1));
    await clock.advance(1);
    quotes.fail(new Error('socket hang up'));
    await clock.advance(1);
    expect((await run).error).toMatchObject({ code: 'SOURCE_FAILED' });
  });

  it('drops a late row of its second source, unless told otherwise, and warns at most once a minute', async () => {
    const rig = await live();
    const { clock, trades, quotes, rows, warnings, pipeline, run } = rig;
    quotes.push(quoted(0, 10));
    trades.push(traded(5, 1));
    quotes.push(quoted(6, 12));
    await clock.advance(5);
    expect(rows()).toEqual([[1, 10]]);
    for (const ms of [4, 3]) quotes.push(quoted(ms, 11));
    await clock.advance(5);
    expect(statisticsOf(rig, 'operators[0]')).toMatchObject({ sideRowsLate: 2, sideRowsDropped: 2 });
    expect(warnings).toEqual([
      [
        {
          sideRows: 1,
          mainRows: 0,
          latest: expect.stringMatching(
            /row 3.*: the row of "A" at 2024-03-04T10:00:00\.004.* of the second source came late/,
          ),
        },
        'rows came late for their join',
      ],
    ]);
    await clock.advance(60_000);
    quotes.push(quoted(2, 11));
    await clock.advance(5);
    expect(warnings).toHaveLength(2);
    expect(warnings[1]).toMatchObject([{ sideRows: 3 }, 'rows came late for their join']);
    trades.push(traded(60_010, 2));
    await clock.advance(61_000);
    expect(rows()).toEqual([
      [1, 10],
      [2, 12],
    ]);
    pipeline.stop();
    expect(await run).toMatchObject({ outcome: 'stopped' });
  });
});
