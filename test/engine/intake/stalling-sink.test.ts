import { describe, expect, it } from 'vitest';
import { Batch } from '../../../src/columns/batch.js';
import { writeInt64 } from '../../../src/columns/int64.js';
import { sleep } from '../../../src/core/clock.js';
import { millis } from '../../../src/core/units.js';
import type { Source } from '../../../src/engine/source.js';
import type { StageContext } from '../../../src/engine/stage.js';
import { keepingSink, pipelineOf, TRADES } from '../../support/pipeline-rig.js';
import { SimulatedClock } from '../../support/simulated-clock.js';

const START = 1_700_000_000_000_000_000n;
const EVERY_MS = 10;
const ROWS = 10_000;

/** A venue that sends 10,000 trades each 10 ms, and keeps one batch for a reader that is behind. */
function venue(batches: number) {
  const told = { sent: 0, lost: 0, bytesMax: 0 };
  let waiting: ((batch: Batch | null) => void) | undefined;
  let kept: Batch | undefined;
  const make = ({ dictionaries, clock }: StageContext): Source => ({
    schema: TRADES,
    capabilities: { delivery: 'live-only', bounded: true },
    open() {
      const send = () => {
        const batch = new Batch(TRADES, ROWS, dictionaries);
        batch.length = ROWS;
        const time = batch.int32('time');
        for (let row = 0; row < ROWS; row++) writeInt64(time, row, START + clock.now());
        batch.int32('symbol').fill(dictionaries.get('symbol').idOf('A'));
        told.bytesMax = Math.max(told.bytesMax, dictionaries.memory.current);
        told.sent++;
        const give = waiting;
        waiting = undefined;
        if (give) give(batch);
        else if (!kept) kept = batch;
        else {
          told.lost += ROWS;
          batch.release();
        }
        if (told.sent < batches) clock.setTimeout(send, EVERY_MS);
      };
      clock.setTimeout(send, EVERY_MS);
    },
    read() {
      const batch = kept;
      kept = undefined;
      if (batch) return batch;
      if (told.sent === batches) return null;
      return new Promise((resolve) => {
        waiting = resolve;
      });
    },
    stop: () => waiting?.(null),
    position: () => null,
    resume() {},
  });
  return { make, told };
}

describe('a live source at a million rows a second', () => {
  it('loses no trade to a sink that stalls for 200 ms of each second, and its queue is bounded', async () => {
    const clock = new SimulatedClock({ wall: START });
    const { make, told } = venue(300); // three seconds
    const { sink } = keepingSink();
    let stalledAt = clock.now();
    let rows = 0;
    sink.write = async (batch) => {
      rows += batch.length;
      batch.release();
      if (clock.now() - stalledAt < 800_000_000n) return;
      await sleep(clock, millis(200));
      stalledAt = clock.now();
    };
    const run = pipelineOf({ source: make, sink, clock }).run();
    for (let at = 0; at < 3_400; at += EVERY_MS) await clock.advance(EVERY_MS);
    expect(await run).toMatchObject({ outcome: 'completed', rowsPending: 0, counters: { rowsDropped: 0 } });
    expect([told.lost, rows]).toEqual([0, 300 * ROWS]);
    expect(told.bytesMax).toBeLessThan(2 * 262_144 * 20);
  });
});
