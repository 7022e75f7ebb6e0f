import { expect, it } from 'vitest';
import { readCounters } from '../../../src/resilience/rate/scope-statistics.js';
import { rateMemory } from './rate-rig.js';

it('counts past 32 bits, and never back for whoever reads meanwhile', () => {
  const { memory, view } = rateMemory({ x: {} });
  const [one, two] = [0, 1].map((member) => view('x', member).sit());
  let last = 0;
  for (let i = 0; i < 5_000; i++) {
    one!.add('waitedUs', 3_000_000);
    two!.add('waitedUs', 1);
    const { waitedUs } = readCounters(memory, 0);
    expect(waitedUs).toBeGreaterThan(last);
    last = waitedUs;
  }
  expect(last).toBe(15_000_005_000);
  one!.granted(1_000_000);
  two!.granted(1);
  expect(readCounters(memory, 0)).toMatchObject({ permits: 1_000_001, granted: 2, waitedUs: last });
});
