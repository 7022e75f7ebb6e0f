import { describe, expect, it } from 'vitest';
import { MemoryCheckpointStore } from '../../../../src/checkpoints/memory-checkpoint-store.js';
import type { ControlRecord } from '../../../../src/columns/control-record.js';
import { nanos } from '../../../../src/core/units.js';
import { isWatermark } from '../../../support/pipeline-rig.js';
import { at, live, quoted, traded } from './live-rig.js';

const SIDE = 'Source "quotes" (operators[0].with)';

const gap = (fromMs: number, toMs: number, reason: string, symbol?: string) =>
  ({
    type: 'gap',
    from: nanos(at(fromMs)),
    to: nanos(at(toMs)),
    reason,
    ...(symbol !== undefined && { symbol }),
  }) satisfies ControlRecord;

/** Prices of rows, and records other than watermarks, in their order. */
const told = ({ stream }: Awaited<ReturnType<typeof live>>) =>
  stream.filter((entry) => !isWatermark(entry)).map((entry) => ('price' in entry ? entry.price : entry));

const WHY = { reason: 'silence', seam: 'unknown' } as const;

describe('a record of the second source of asof', () => {
  const at_ = (ms: number) => nanos(at(ms));
  const records: [string, ControlRecord, ControlRecord][] = [
    [
      'a silence',
      { type: 'stale', since: at_(4), symbol: 'A' },
      { type: 'stale', since: at_(4), symbol: 'A' },
    ],
    [
      'a switch of sources, by their names within it',
      { type: 'switched', at: at_(4), since: at_(3), from: 'x', to: 'y', ...WHY },
      { type: 'switched', at: at_(4), from: `${SIDE}: x`, to: `${SIDE}: y`, since: at_(3), ...WHY },
    ],
    [
      'a reset, with its name',
      { type: 'reset', at: at_(4), reason: 'reconnected' },
      { type: 'reset', at: at_(4), reason: `${SIDE}: reconnected` },
    ],
  ];

  it.each(records)('tells behind it of %s, before the rows that it concerns', async (_, own, passed) => {
    const rig = await live();
    const { clock, trades, quotes, pipeline, run } = rig;
    quotes.push(quoted(0, 10));
    trades.push(traded(1, 1), traded(5, 2), traded(3, 3, 'B'));
    await clock.advance(1);
    quotes.push(own, quoted(9, 11));
    await clock.advance(500);
    expect(told(rig)).toEqual([1, passed, 2, 3]);
    pipeline.stop();
    await run;
  });

  it('stands in its order with others of its place, and before the watermark there', async () => {
    const rig = await live();
    const { clock, trades, quotes, pipeline, run } = rig;
    quotes.push(quoted(0, 10));
    trades.push(traded(1, 1));
    await clock.advance(1);
    quotes.push(...records.map(([, own]) => own), quoted(9, 11));
    await clock.advance(2);
    expect(told(rig)).toEqual([1, ...records.map(([, , passed]) => passed)]);
    expect(rig.stream.slice(1, 4)).toEqual(told(rig).slice(1));
    pipeline.stop();
    await run;
  });

  it('is placed among batches of rows out of order', async () => {
    const rig = await live();
    const { clock, trades, quotes, pipeline, run } = rig;
    quotes.push(quoted(0, 10));
    const batches = [[2, 6, 3], [1], [4, 5], [], [9, 7]];
    for (const times of batches) {
      trades.push(...times.map((ms) => traded(ms, ms, `S${ms}`)));
      await clock.advance(1);
    }
    const instants = [0, 2, 3, 6, 7, 9, 10];
    quotes.push(...instants.map((ms) => gap(ms, 20, `${ms}`)), quoted(30, 11));
    await clock.advance(500);
    const rows = batches.flat();
    const places = instants.map((ms) => rows.findIndex((time) => time >= ms));
    const expected = rows.flatMap((ms, i) => [
      ...instants.filter((_, n) => places[n] === i).map((from) => gap(from, 20, `${SIDE}: ${from}`)),
      ms,
    ]);
    expect(told(rig)).toEqual([...expected, gap(10, 20, `${SIDE}: 10`)]);
    pipeline.stop();
    await run;
  });
});

describe('a gap of the second source of asof', () => {
  it('is told in the stream with the name of that source, before the rows that it concerns', async () => {
    const rig = await live();
    const { clock, trades, quotes, pipeline, run } = rig;
    quotes.push(quoted(0, 10));
    trades.push(traded(1, 1), traded(5, 2), traded(6, 3, 'B'));
    await clock.advance(1);
    quotes.push(gap(2, 9, 'reconnected', 'A'), quoted(9, 11));
    await clock.advance(500);
    expect(told(rig)).toEqual([1, gap(2, 9, `${SIDE}: reconnected`, 'A'), 2, 3]);
    pipeline.stop();
    await run;
  });

  it('is told at once where no rows wait', async () => {
    const rig = await live();
    const { clock, quotes, pipeline, run } = rig;
    quotes.push(gap(2, 9, 'reconnected'), quoted(9, 11));
    await clock.advance(5);
    expect(told(rig)).toEqual([gap(2, 9, `${SIDE}: reconnected`)]);
    pipeline.stop();
    await run;
  });

  it('is told after a restart, of the rows that came meanwhile', async () => {
    const store = new MemoryCheckpointStore();
    const first = await live({}, { store });
    first.quotes.push(quoted(0, 10));
    await first.clock.advance(1);
    first.trades.push(traded(2, 1));
    await first.clock.advance(1);
    first.pipeline.suspend();
    await first.run;

    const second = await live({}, { store });
    second.quotes.push(quoted(9, 11));
    await second.clock.advance(5);
    const restart = gap(0, 9, `${SIDE}: restart: rows that came meanwhile are lost`);
    expect(told(second)).toEqual([restart, 1]);
    second.pipeline.stop();
    await second.run;
  });

  it('is told in a replay', async () => {
    const order = { scope: 'all', maxDelayNs: 0 } as const;
    const rig = await live({}, {}, { side: { order, delivery: 'replayable' } });
    const { clock, trades, quotes, pipeline, run } = rig;
    trades.push(traded(1, 1), traded(5, 2));
    quotes.push(quoted(0, 10));
    quotes.push(gap(2, 9, 'recorder stopped'), quoted(9, 11));
    await clock.advance(5);
    expect(told(rig)).toEqual([1, gap(2, 9, `${SIDE}: recorder stopped`), 2]);
    pipeline.stop();
    await run;
  });
});
