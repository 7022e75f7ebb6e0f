import { describe, expect, it } from 'vitest';
import { FeedPresent } from '../../../src/engine/event-time/feed-present.js';

const HOUR_MS = 3_600_000;

describe('the present of a feed', () => {
  it('is that of the host while nothing is known', () => {
    expect(new FeedPresent().at(1_000)).toBe(1_000);
  });

  it('is ahead of the host as far as any row was received before its own time', () => {
    const present = new FeedPresent();
    present.row(2_270, 1_000);
    present.row(2_500, 2_000);
    expect(present.at(3_000)).toBe(4_270);
    expect(present.sinceNs(3_000_000_000n)).toBe(3_000_000_000n);
  });

  it('takes no time for a clock that is ahead by a minute or more', () => {
    const present = new FeedPresent();
    present.row(HOUR_MS, 0);
    expect(present.at(1_000)).toBe(1_000);
  });

  it('is behind the host as far as the newest row of a delayed feed, less a second for the way', () => {
    const present = new FeedPresent();
    present.row(0, 900_400);
    present.row(1_000, 901_000);
    present.row(1_700, 901_700);
    expect(present.at(1_000_000)).toBe(101_000);
    expect(present.atNs(1_000_000_000_001n)).toBe(101_000_000_001n);
    expect(present.sinceNs(1_000_000_000_001n)).toBe(100_000_000_001n);
  });

  it('is that of the host for rows that were on their way for up to a second', () => {
    const present = new FeedPresent();
    for (let ms = 0; ms < 5_000; ms += 100) present.row(ms, ms + 1_000);
    expect(present.at(6_000)).toBe(6_000);
  });

  it('is that of the host after old rows that came in one go', () => {
    const present = new FeedPresent();
    present.row(0, HOUR_MS);
    present.row(5, HOUR_MS + 999);
    expect(present.at(2 * HOUR_MS)).toBe(2 * HOUR_MS);
  });

  it('forgets old rows once newer ones come', () => {
    const present = new FeedPresent();
    present.row(0, HOUR_MS);
    present.row(2_000, HOUR_MS + 2_000);
    present.row(HOUR_MS + 2_950, HOUR_MS + 3_000);
    expect(present.at(2 * HOUR_MS)).toBe(2 * HOUR_MS);
  });
});
