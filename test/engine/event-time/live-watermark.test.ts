import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LiveWatermark } from '../../../src/engine/event-time/live-watermark.js';

const ms = (value: number): bigint => BigInt(Math.round(value * 1e6));
/** Of a watermark made by `next`, in ms. */
const inMs = (at: bigint | undefined): number | undefined =>
  at === undefined ? undefined : Number(at) / 1e6;

describe('the watermark of a live source', () => {
  it('is unknown before the first row', () => {
    const watermark = new LiveWatermark(0);
    expect(watermark.next(ms(10_000))).toBeUndefined();
  });

  it('passes no instant from which rows are held, and goes on once they are not', () => {
    const watermark = new LiveWatermark(0);
    watermark.receive(ms(10_000), ms(10_000));
    expect(inMs(watermark.next(ms(10_000), ms(9_000)))).toBe(9_000);
    expect(watermark.next(ms(12_000), ms(9_000))).toBeUndefined();
    expect(watermark.next(ms(12_000), ms(8_000))).toBeUndefined(); // it never falls
    expect(inMs(watermark.next(ms(12_000)))).toBe(12_000);
  });

  it('is now, less the largest lag of the last minute, less the delay', () => {
    const watermark = new LiveWatermark(30e6);
    watermark.receive(ms(10_000), ms(8_000));
    watermark.receive(ms(10_100), ms(9_000));
    expect(inMs(watermark.next(ms(10_200)))).toBe(10_200 - 2_000 - 30);
  });

  it('runs ahead of a clock that is behind the venue', () => {
    const watermark = new LiveWatermark(0);
    watermark.receive(ms(10_000), ms(11_270));
    expect(inMs(watermark.next(ms(12_000)))).toBe(13_270);
  });

  it('forgets a lag once a minute of receiving has passed, and not in a silence', () => {
    const watermark = new LiveWatermark(0);
    watermark.receive(ms(0), ms(-5_000));
    expect(inMs(watermark.next(ms(600_000)))).toBe(595_000);
    for (let at = 600_000; at < 655_000; at += 1_000) watermark.receive(ms(at), ms(at - 10));
    expect(inMs(watermark.next(ms(655_000)))).toBe(654_990); // the silence was longer than a minute
    watermark.receive(ms(656_000), ms(650_000));
    expect(watermark.next(ms(657_000))).toBeUndefined(); // it would be 651000
    for (let at = 657_000; at <= 716_000; at += 1_000) watermark.receive(ms(at), ms(at - 10));
    expect(inMs(watermark.next(ms(716_000)))).toBe(715_990);
  });

  it('forgets lags of steps in which nothing was received, too', () => {
    const watermark = new LiveWatermark(0);
    watermark.receive(ms(5_000), ms(0));
    watermark.receive(ms(75_000), ms(74_990));
    expect(inMs(watermark.next(ms(75_000)))).toBe(74_990);
  });

  it('stands still for as long as nobody read', () => {
    const watermark = new LiveWatermark(0);
    watermark.receive(ms(1_000), ms(990));
    watermark.standStill(ms(60_000));
    expect(inMs(watermark.next(ms(61_200)))).toBe(1_190);
  });

  it('holds still after a jump of the lag, until time has caught up', () => {
    const watermark = new LiveWatermark(0);
    watermark.receive(ms(0), ms(0));
    expect(inMs(watermark.next(ms(1_000)))).toBe(1_000);
    watermark.receive(ms(1_100), ms(-1_900));
    expect(watermark.next(ms(1_200))).toBeUndefined();
    expect(watermark.next(ms(4_000))).toBeUndefined(); // the same instant tells nothing
    expect(inMs(watermark.next(ms(4_001)))).toBe(1_001);
  });

  it('is told at most once in 200 ms', () => {
    const watermark = new LiveWatermark(0);
    watermark.receive(ms(0), ms(0));
    const told: number[] = [];
    for (let at = 0; at <= 1_000; at += 10) if (watermark.next(ms(at)) !== undefined) told.push(at);
    expect(told).toEqual([0, 200, 400, 600, 800, 1_000]);
  });

  it('tells nothing that the stream itself has told', () => {
    const watermark = new LiveWatermark(0);
    watermark.receive(ms(0), ms(0));
    watermark.heed(ms(5_000));
    expect(watermark.next(ms(5_000))).toBeUndefined();
    expect(inMs(watermark.next(ms(5_001)))).toBe(5_001);
  });

  it('waits after a restart for rows as far behind the first ones as before, for a minute of receiving', () => {
    const before = new LiveWatermark(0);
    before.receive(ms(10_000), ms(7_000), ms(9_990));
    before.receive(ms(10_100), ms(10_090));
    const watermark = new LiveWatermark(0);
    watermark.expectSpread(before.spreadNs);
    watermark.receive(ms(500), ms(20_490)); // another clock
    expect(inMs(watermark.next(ms(500)))).toBe(20_490 - 2_990);
    for (let at = 1_000; at < 60_000; at += 1_000) watermark.receive(ms(at), ms(at + 19_990));
    expect(inMs(watermark.next(ms(59_000)))).toBe(59_000 + 19_990 - 2_990);
    expect(watermark.spreadNs).toBe(before.spreadNs);
    watermark.receive(ms(60_500), ms(80_490));
    expect(inMs(watermark.next(ms(60_500)))).toBe(80_490);
    expect(watermark.spreadNs).toBe(0n);
  });

  it('does not wait longer with each restart', () => {
    let spread = ms(2_990);
    for (let start = 0; start < 5; start++) {
      const watermark = new LiveWatermark(0);
      watermark.expectSpread(spread);
      watermark.receive(ms(500), ms(490));
      watermark.receive(ms(600), ms(100));
      spread = watermark.spreadNs;
    }
    expect(spread).toBe(ms(2_990));
  });

  it('never falls, and never passes a row whose lag is no larger than one of the last 55 seconds', () => {
    const receipt = fc.record({ afterMs: fc.nat(20_000), lagMs: fc.integer({ min: -2_000, max: 9_000 }) });
    fc.assert(
      fc.property(fc.array(receipt, { minLength: 1, maxLength: 60 }), (receipts) => {
        const watermark = new LiveWatermark(0);
        const seen: { at: number; lagMs: number }[] = [];
        let at = 100_000;
        let told = Number.NEGATIVE_INFINITY;
        for (const { afterMs, lagMs } of receipts) {
          at += afterMs;
          const next = inMs(watermark.next(ms(at)));
          if (next !== undefined) {
            expect(next).toBeGreaterThan(told);
            told = next;
            const last = seen.at(-1)!.at;
            for (const each of seen)
              if (last - each.at <= 55_000) expect(next).toBeLessThanOrEqual(at - each.lagMs);
          }
          watermark.receive(ms(at), ms(at - lagMs));
          seen.push({ at, lagMs });
        }
      }),
    );
  });
});
