import { describe, expect, it } from 'vitest';
import { LoopTurns } from '../../src/engine/loop-turns.js';
import { SimulatedClock } from '../support/simulated-clock.js';

describe('a turn of the loop', () => {
  it('lets all go on that wait for it, though the first one never waits again', async () => {
    const clock = new SimulatedClock();
    const turns = new LoopTurns(clock);
    expect(turns.isDue).toBe(false);
    await clock.advance(10);
    expect(turns.isDue).toBe(true);
    let hasOtherGoneOn = false;
    const busy = (async () => {
      await turns.take();
      for (let steps = 0; steps < 100 && !hasOtherGoneOn; steps++) await undefined;
      return hasOtherGoneOn;
    })();
    const other = turns.take().then(() => {
      hasOtherGoneOn = true;
    });
    expect(await busy).toBe(true);
    await other;
    expect(turns.isDue).toBe(false);
  });
});
