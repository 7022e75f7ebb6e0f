import type { FakeStep } from '../../src/testing/fake-script.js';
import type { VirtualClock } from '../../src/testing/virtual-clock.js';

export const msAt = (iso: string): number => Date.parse(iso);
export const nsAt = (iso: string): bigint => BigInt(msAt(iso)) * 1_000_000n;

/** From here on, a stretch is passed in leaps. */
const LONG_MS = 120_000;
const LEAP_MS = 599_000;

/**
 * Lets time pass up to an instant: a night or a weekend in leaps of ten minutes, in which timers fire late, since the
 * clock of a stream has a timer five times a second.
 */
export async function passTo(clock: VirtualClock, iso: string): Promise<void> {
  const left = () => msAt(iso) - Number(clock.wall() / 1_000_000n);
  while (left() > LONG_MS) {
    clock.leap(Math.min(LEAP_MS, left() - 5_000));
    await clock.advance(1_000);
  }
  await clock.advance(left());
}

/** Instants from one to another, a step apart, without the last one. */
export function instantsOf(from: string, to: string, stepMs: number): number[] {
  const instants: number[] = [];
  for (let at = msAt(from); at < msAt(to); at += stepMs) instants.push(at);
  return instants;
}

/** A stream of trades at these instants, for a stream that begins at one. */
export function tradesAt(
  begin: string | number,
  trades: readonly { readonly at: number; readonly symbol: string; readonly price?: number }[],
): FakeStep[] {
  let before = typeof begin === 'string' ? msAt(begin) : begin;
  return [...trades]
    .sort((a, b) => a.at - b.at)
    .map(({ at, symbol, price = 1 }) => {
      const afterMs = at - before;
      before = at;
      return { afterMs, trade: { symbol, price } };
    });
}
