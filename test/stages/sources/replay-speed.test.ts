import { afterAll, describe, expect, it } from 'vitest';
import type { Row } from '../../../src/columns/row-view.js';
import { rowsIn } from '../../support/batch-rows.js';
import { scratchFolder } from '../../support/recorded-data.js';
import { openReplay } from '../../support/replayed.js';
import { SimulatedClock } from '../../support/simulated-clock.js';

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);

/** A replay of files with rows at given ms, read by a consumer that always wants more. */
async function startReplay(files: readonly number[][], speed: number, order?: 'time' | 'listed') {
  const path = files.map((times, i) =>
    SCRATCH.write(`s${i}.csv`, times.map((ms) => `${ms},A,${ms}\n`).join('')),
  );
  const clock = new SimulatedClock({ now: 5_000_000n });
  const { source } = await openReplay(
    {
      path,
      kind: 'trade',
      header: false,
      columns: { time: { from: 1, unit: 'ms', anyInstant: true }, symbol: 2, price: 3 },
      speed,
      ...(order && { order }),
    },
    { clock },
  );
  const rows: Row[] = [];
  let hasEnded = false;
  const done = (async () => {
    for (let batch = await source.read(); batch; batch = await source.read()) {
      rows.push(...rowsIn(batch));
      batch.release();
    }
    hasEnded = true;
  })();
  // Reading a file takes turns of the real loop; after them the replay waits for the clock, or is over.
  const settle = async () => {
    while (clock.timersPending === 0 && !hasEnded) await new Promise((resolve) => setImmediate(resolve));
  };
  await settle();
  return {
    clock,
    source,
    done,
    hasEnded: () => hasEnded,
    /** Prices (which are the times) of the rows that came while `ms` passed. */
    async rowsAfter(ms: number): Promise<unknown[]> {
      await clock.advance(ms);
      await settle();
      return rows.splice(0).map(({ price }) => price);
    },
  };
}

describe('a replay in real time', () => {
  it('delivers the first row at once and each one when it is due, not earlier', async () => {
    const { rowsAfter, done } = await startReplay([[1_000, 1_010, 1_010, 1_500]], 1);
    expect(await rowsAfter(0)).toEqual([1_000]);
    expect(await rowsAfter(9)).toEqual([]);
    expect(await rowsAfter(1)).toEqual([1_010, 1_010]);
    expect(await rowsAfter(489)).toEqual([]);
    expect(await rowsAfter(1)).toEqual([1_500]);
    await done;
  });

  it('says in a long wait how far time is, and never more than the next row allows', async () => {
    const clock = new SimulatedClock();
    const columns = { time: { from: 1, unit: 'ms', anyInstant: true }, symbol: 2, price: 3 } as const;
    const path = SCRATCH.write('silence.csv', '1000,A,1\n2000,A,1\n');
    const { source } = await openReplay({ path, header: false, kind: 'trade', columns, speed: 2 }, { clock });
    const told: unknown[] = [];
    const done = (async () => {
      for (let batch = await source.read(); batch; batch = await source.read()) {
        if (batch.length > 0) told.push('row');
        for (const { record } of batch.controls) told.push(Number((record as { at: bigint }).at) / 1e6);
        batch.release();
      }
    })();
    // Reading a file takes turns of the real loop; after them the replay waits for the clock.
    while (clock.timersPending === 0) await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(499);
    expect(told).toEqual(['row', 1_200, 1_400, 1_600, 1_800]);
    await clock.advance(1);
    expect(told.at(-1)).toBe('row');
    await done;
    await source.close?.();
  });

  it('lets time pass ten times as fast at a speed of 10', async () => {
    const { rowsAfter, done } = await startReplay([[0, 100, 1_000]], 10);
    expect(await rowsAfter(9)).toEqual([0]);
    expect(await rowsAfter(1)).toEqual([100]);
    expect(await rowsAfter(89)).toEqual([]);
    expect(await rowsAfter(1)).toEqual([1_000]);
    await done;
  });

  it('does not wait for a row whose time goes back, nor does it move what follows', async () => {
    const { rowsAfter, done } = await startReplay([[0, 100, 60, 150]], 1);
    expect(await rowsAfter(0)).toEqual([0]);
    expect(await rowsAfter(100)).toEqual([100, 60]);
    expect(await rowsAfter(49)).toEqual([]);
    expect(await rowsAfter(1)).toEqual([150]);
    await done;
  });

  it('delivers the rows of several files each when it is due, whichever file it is in', async () => {
    const { rowsAfter, done } = await startReplay(
      [
        [20, 40],
        [0, 10, 30],
        [10, 35],
      ],
      1,
    );
    expect(await rowsAfter(9)).toEqual([0]);
    expect(await rowsAfter(1)).toEqual([10, 10]);
    expect(await rowsAfter(10)).toEqual([20]);
    expect(await rowsAfter(15)).toEqual([30, 35]);
    expect(await rowsAfter(4)).toEqual([]);
    expect(await rowsAfter(1)).toEqual([40]);
    await done;
  });

  it('goes on through files as listed, and anew in one that begins earlier', async () => {
    const { rowsAfter, done } = await startReplay(
      [
        [0, 10],
        [30, 40],
        [5, 25],
      ],
      1,
      'listed',
    );
    expect(await rowsAfter(10)).toEqual([0, 10]);
    expect(await rowsAfter(19)).toEqual([]);
    expect(await rowsAfter(1)).toEqual([30]);
    expect(await rowsAfter(10)).toEqual([40, 5]);
    expect(await rowsAfter(19)).toEqual([]);
    expect(await rowsAfter(1)).toEqual([25]);
    await done;
  });

  it('delivers together what a slow consumer let pass', async () => {
    const { source, clock } = await (async () => {
      const path = SCRATCH.write('slow.csv', '0,A,0\n10,A,10\n20,A,20\n500,A,500\n');
      const clock = new SimulatedClock();
      const opened = await openReplay(
        {
          path,
          kind: 'trade',
          header: false,
          columns: { time: { from: 1, unit: 'ms', anyInstant: true }, symbol: 2, price: 3 },
          speed: 1,
        },
        { clock },
      );
      return { source: opened.source, clock };
    })();
    const first = (await source.read())!;
    expect(first.length).toBe(1);
    first.release();
    await clock.advance(100);
    const second = (await source.read())!;
    expect(rowsIn(second).map(({ price }) => price)).toEqual([10, 20]);
    second.release();
    await source.close?.();
  });

  it('ends a wait at once when it is asked to stop, and leaves no timer', async () => {
    const { rowsAfter, source, done, hasEnded, clock } = await startReplay([[0, 3_600_000]], 1);
    expect(await rowsAfter(1)).toEqual([0]);
    expect(hasEnded()).toBe(false);
    source.stop();
    await done;
    expect(clock.timersPending).toBe(0);
    await source.close?.();
  });
});
