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
