import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../src/testing/virtual-clock.js';

describe('a virtual clock', () => {
  it('refuses to go on for ever with timers without a delay, and says so', async () => {
    const clock = new VirtualClock();
    const again = () => {
      clock.setTimeout(again, 0);
    };
    again();
    await expect(clock.advance(1)).rejects.toThrow(
      'VirtualClock: expected time to pass, found 100000 timers in a row at one instant',
    );
  });

  it('fires any number of timers that let time pass', async () => {
    const clock = new VirtualClock();
    let ticks = 0;
    const again = () => {
      ticks++;
      clock.setTimeout(again, 1);
    };
    again();
    await clock.advance(12_000);
    expect(ticks).toBe(12_001);
  });
});
