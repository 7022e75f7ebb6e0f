import { describe, expect, it } from 'vitest';
import { fixedOffsetMs, isZone } from '../../src/core/time-zone.js';

describe('the name of a time zone', () => {
  it.each(['America/New_York', 'utc', 'Z', '+01:00', '-0530', 'Etc/GMT+5'])('may be %s', (zone) => {
    expect(isZone(zone)).toBe(true);
  });

  it.each(['', 'New York', 'America/Nowhere', '+1', '+25:00', '05:00', 'local'])('is not %j', (zone) => {
    expect(isZone(zone)).toBe(false);
  });

  it.each([
    ['UTC', 0],
    ['+01:30', 5_400_000],
    ['-0500', -18_000_000],
    ['Europe/Paris', undefined],
  ])('says that the offset of %s is always %s ms', (zone, offsetMs) => {
    expect(fixedOffsetMs(zone)).toBe(offsetMs);
  });
});
