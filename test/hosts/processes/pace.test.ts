import { PassThrough } from 'node:stream';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { Pace } from '../../../src/hosts/processes/pace.js';

function startPace() {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const stream = new PassThrough();
  return { stream, pace: new Pace(stream, 100) };
}

describe('the pace of reading', () => {
  it('lets a stream flow up to what may be read in a period, then waits for the next one', () => {
    const { stream, pace } = startPace();
    pace.spend(99);
    expect(stream.isPaused()).toBe(false);
    pace.spend(1);
    expect(stream.isPaused()).toBe(true);
    vi.advanceTimersByTime(199);
    expect(stream.isPaused()).toBe(true);
    vi.advanceTimersByTime(1);
    expect(stream.isPaused()).toBe(false);
  });

  it('counts what was above it for the next periods, for a second at most', () => {
    const { stream, pace } = startPace();
    pace.spend(250);
    vi.advanceTimersByTime(200);
    expect(stream.isPaused()).toBe(true);
    vi.advanceTimersByTime(200);
    expect(stream.isPaused()).toBe(false);
    pace.spend(1_000_000);
    vi.advanceTimersByTime(1_000);
    expect(stream.isPaused()).toBe(true);
    vi.advanceTimersByTime(200);
    expect(stream.isPaused()).toBe(false);
  });

  it('holds up nothing once it is lifted, and leaves no timer', () => {
    const { stream, pace } = startPace();
    pace.spend(250);
    pace.lift();
    expect(stream.isPaused()).toBe(false);
    pace.spend(250);
    expect(stream.isPaused()).toBe(false);
    expect(vi.getTimerCount()).toBe(0);
  });
});
