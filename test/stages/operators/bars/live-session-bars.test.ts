import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tradingCalendar } from '../../../../src/calendars/built-in-calendars.js';
import { copyRow, type Row, rowsOf } from '../../../../src/columns/row-view.js';
import { uncheckedSpec } from '../../../../src/plan/typed-spec.js';
import { createPipeline } from '../../../../src/runtime/pipeline-builder.js';
import { callbackSink } from '../../../../src/stages/sinks/callback.js';
import { VirtualClock } from '../../../../src/testing/virtual-clock.js';
import { runStream, told } from '../../../support/fake-stream.js';
import { instantsOf, nsAt, passTo, tradesAt } from '../../../support/market-time.js';
import { scratchFolder } from '../../../support/recorded-data.js';

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);

// What a calendar loads takes no virtual time.
beforeAll(async () => {
  await tradingCalendar('XNYS');
});

const BEGIN = '2024-11-27T20:58:00Z';
/** To the close, over Thanksgiving, on the half day, and on the Monday behind it. */
const TRADES = [
  ...instantsOf(BEGIN, '2024-11-27T21:01:00Z', 20_000), // a minute of it is behind the close
  ...instantsOf('2024-11-29T14:30:00Z', '2024-11-29T18:00:00Z', 480_000),
  ...instantsOf('2024-12-02T14:30:00Z', '2024-12-02T14:31:00Z', 20_000),
].map((at, i) => ({ at, symbol: 'A', price: 100 + i }));

const inShort = (rows: readonly Row[]): string[] =>
  rows.map(({ time, open, close, count, mark }) => {
    const begin = new Date(Number((time as bigint) / 1_000_000n)).toISOString().slice(5, 16);
    return `${begin} ${open} ${close} ${count} ${mark}`;
  });

describe.each([
  ['session', ['11-27T14:30 100 105 6 partial', '11-29T14:30 109 135 27 complete']],
  [
    '90m',
    [
      '11-27T20:30 100 105 6 partial',
      '11-29T14:30 109 120 12 complete',
      '11-29T16:00 121 131 11 complete',
      '11-29T17:30 132 135 4 complete',
    ],
  ],
])('bars of a live stream, every %s', (every, closed) => {
  const operators = [{ use: 'bars', every, calendar: 'XNYS' }];

  it('close by the clock at the end of their hours, over a holiday, a half day and a weekend, as in a replay', async () => {
    const clock = new VirtualClock({ wall: nsAt(BEGIN) });
    const live = await runStream({
      clock,
      script: {
        capabilities: {
          assetClasses: ['equity'],
          streams: { trades: { delivery: 'live-only' } },
          calendars: { equity: 'XNYS' },
        },
        trades: tradesAt(BEGIN, TRADES),
      },
      source: { symbols: ['A'], silence: { after: '10m' } },
      operators,
    });
    for (const { at } of TRADES) {
      await passTo(clock, new Date(at).toISOString());
      if (at < Date.parse('2024-11-29T18:00:00Z')) continue;
      expect(inShort(live.rows)).toEqual(closed); // those of Friday did not wait for Monday's first row
    }
    expect(told(live.records)).toEqual([]);
    await live.drained();

    const lines = TRADES.map(({ at, symbol, price }) => `${new Date(at).toISOString()},${symbol},${price}`);
    const path = SCRATCH.writeNew(`time,symbol,price\n${lines.join('\n')}\n`);
    const replayed: Row[] = [];
    const sink = callbackSink((batch) => {
      for (const row of rowsOf(batch)) replayed.push(copyRow(row));
    });
    const columns = { time: 'time', symbol: 'symbol', price: 'price' };
    const source = { use: 'replay', path, kind: 'trade', columns };
    await createPipeline(uncheckedSpec({ name: 'replayed', source, operators, sink: { use: 'null' } }), {
      sink,
    }).run();
    expect(replayed.length).toBe(closed.length + 1);
    expect(replayed).toEqual(live.rows);
  });
});
