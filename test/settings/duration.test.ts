import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDurationNs } from '../../src/core/duration-text.js';
import { durationNs } from '../../src/settings/duration.js';

describe('a duration', () => {
  it.each([
    ['1ns', 1n],
    ['250ms', 250_000_000n],
    ['1s', 1_000_000_000n],
    ['1.5s', 1_500_000_000n],
    ['0.1us', 100n],
    ['5m', 300_000_000_000n],
    ['1.5h', 5_400_000_000_000n],
    ['1d', 86_400_000_000_000n],
  ])('reads %s as %s ns', (text, ns) => {
    expect(parseDurationNs(text)).toBe(ns);
  });

  it.each(['', '1', 's', '1 s', '-1s', '1e3s', '1h30m', '0.1ns', '1S', '１s'])('is not "%s"', (text) => {
    expect(parseDurationNs(text)).toBeUndefined();
  });

  it('is exact to the nanosecond, decimals or not', () => {
    fc.assert(
      fc.property(fc.nat(1_000_000), fc.nat(999_999_999), (seconds, rest) => {
        const text = `${seconds}.${String(rest).padStart(9, '0')}s`;
        expect(parseDurationNs(text)).toBe(BigInt(seconds) * 1_000_000_000n + BigInt(rest));
      }),
    );
  });

  it('is exact in whole days also where a number does not hold each nanosecond', () => {
    const long = durationNs({ min: '1d', max: '73000d' });
    for (const days of [105, 399, 400, 72_999, 73_000]) {
      expect(BigInt(long.parse(`${days}d`))).toBe(BigInt(days) * 86_400_000_000_000n);
    }
    expect(long.safeParse('73000.000000001d').success).toBe(false);
    expect(() => durationNs({ min: '1d', max: '110000d' })).toThrow(RangeError);
  });

  it.each([
    ['999us', 'found "999us"'],
    ['2h', 'found "2h"'],
    ['ten', 'such as "250ms"'],
    [5, 'a number with its unit'],
  ])('says what was expected of %s', (input, message) => {
    const result = durationNs({ min: '1ms', max: '1h' }).safeParse(input);
    expect(result.success).toBe(false);
    expect(result.error?.issues).toHaveLength(1);
    expect(result.error?.issues[0]?.message).toContain('expected a duration of 1ms to 1h');
    expect(result.error?.issues[0]?.message).toContain(message);
  });
});
