import { describe, expect, it } from 'vitest';
import { LatencyMeter } from '../../../src/providers/quality/latency-meter.js';

const SECOND = 1_000_000_000n;

describe('a meter of latency', () => {
  it('says nothing before the first row', () => {
    expect(new LatencyMeter().statistics()).toEqual({});
  });

  it('gives median, 99th percentile and maximum, at most 9 % too large', () => {
    const meter = new LatencyMeter();
    for (let i = 1; i <= 1_000; i++) meter.add(SECOND, i / 4);
    const { latencyMsP50, latencyMsP99, latencyMsMax, clockSkewMs } = meter.statistics();
    expect(latencyMsP50! / 125).toBeGreaterThanOrEqual(1);
    expect(latencyMsP50! / 125).toBeLessThan(1.1);
    expect(latencyMsP99! / 247.5).toBeGreaterThanOrEqual(1);
    expect(latencyMsP99! / 247.5).toBeLessThan(1.1);
    expect([latencyMsMax, clockSkewMs]).toEqual([250, 0]);
  });

  it('forgets what is more than a minute old', () => {
    const meter = new LatencyMeter();
    meter.add(5n * SECOND, 9_000);
    meter.add(5n * SECOND, -70);
    meter.add(59n * SECOND, 10);
    expect(meter.statistics()).toMatchObject({ latencyMsMax: 9_000, clockSkewMs: 70 });
    meter.add(60n * SECOND, 10);
    expect(meter.statistics()).toMatchObject({ latencyMsMax: 10, clockSkewMs: 0 });
    meter.add(9_000n * SECOND, 20);
    expect(meter.statistics()).toMatchObject({ latencyMsP50: 20, latencyMsMax: 20 });
  });

  it('tells the skew of clocks where rows come before their event', () => {
    const meter = new LatencyMeter();
    for (const lag of [-1_270, -1_268, -1_240]) meter.add(SECOND, lag);
    expect(meter.statistics()).toMatchObject({ clockSkewMs: 1_270, latencyMsMax: -1_240 });
  });

  it('takes what is out of all bounds', () => {
    const meter = new LatencyMeter();
    meter.add(SECOND, 1e12);
    meter.add(SECOND, 0);
    expect(meter.statistics()).toMatchObject({ latencyMsMax: 1e12 });
  });
});
