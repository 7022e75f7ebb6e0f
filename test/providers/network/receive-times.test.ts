import { expect, it } from 'vitest';
import type { Nanos } from '../../../src/core/units.js';
import { ReceiveTimes } from '../../../src/providers/network/receive-times.js';

function timesOn(start: { now: bigint; wallMs: bigint }) {
  const at = { ...start };
  const times = new ReceiveTimes({
    now: () => at.now as Nanos,
    wall: () => (at.wallMs * 1_000_000n) as Nanos, // whole ms, as that of the system
    setTimeout: () => 0,
    clearTimeout() {},
  });
  const stamp = () => {
    times.stamp();
    return [times.ms, times.sub];
  };
  return { at, stamp };
}

it('has the ns between the ms of a wall clock', () => {
  const { at, stamp } = timesOn({ now: 5n, wallMs: 1_000n });
  expect(stamp()).toEqual([1_000, 0]);
  at.now += 1_250_001n;
  expect(stamp()).toEqual([1_001, 250_001]);
});

it('follows the wall clock, and never goes back for less than a second', () => {
  const { at, stamp } = timesOn({ now: 0n, wallMs: 1_000n });
  stamp();
  at.now = 999_900_000n;
  expect(stamp()).toEqual([1_999, 900_000]);
  at.now = 1_000_100_000n; // the wall clock was slower, as its adjustments make it
  at.wallMs = 1_998n;
  expect(stamp()).toEqual([1_999, 900_000]);
  at.now += 2_000_000n;
  expect(stamp()).toEqual([2_000, 0]);
});

it('follows a wall clock that was set back', () => {
  const { at, stamp } = timesOn({ now: 0n, wallMs: 10_000_000n });
  stamp();
  at.now = 2_000_000_000n;
  at.wallMs = 5_000_000n;
  expect(stamp()).toEqual([5_000_000, 0]);
});
