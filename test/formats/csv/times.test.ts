import fc from 'fast-check';
import { Temporal } from 'temporal-polyfill';
import { describe, expect, it } from 'vitest';
import { readInt64 } from '../../../src/columns/int64.js';
import { MILLI_SHIFT, writeEpochText } from '../../../src/formats/csv/epoch-text.js';
import { IsoText } from '../../../src/formats/csv/iso-text.js';
import { ZoneOffsets } from '../../../src/formats/csv/zone-offsets.js';

const utc = await ZoneOffsets.of('UTC');
const words = new Int32Array(2);

function epoch(
  text: string,
  unit: keyof typeof MILLI_SHIFT,
  { baseMs = 0, zone = utc } = {},
): bigint | 'bad' {
  const bytes = Buffer.from(text);
  const isTime = writeEpochText(bytes, 0, bytes.length, MILLI_SHIFT[unit], baseMs, zone, words, 0);
  return isTime ? readInt64(words, 0) : 'bad';
}

const isoText = new IsoText();
function iso(text: string, zone = utc): bigint | 'bad' {
  const bytes = Buffer.from(text);
  return isoText.write(bytes, 0, bytes.length, zone, words, 0) ? readInt64(words, 0) : 'bad';
}

/** Years 1700 to 2240. */
const nanosOfTime = fc.bigInt({ min: -8_520_000_000n * 10n ** 9n, max: 8_520_000_000n * 10n ** 9n });

describe('a time in numbers', () => {
  it('is exact to the nanosecond, whatever its unit and however its fraction is written', () => {
    const places = { s: 9, ms: 6, us: 3, ns: 0 } as const;
    fc.assert(
      fc.property(nanosOfTime, fc.constantFrom('s', 'ms', 'us', 'ns'), fc.boolean(), (time, unit, trims) => {
        const size = time < 0n ? -time : time;
        const digits = String(size).padStart(places[unit] + 1, '0');
        const whole = digits.slice(0, digits.length - places[unit]);
        const fraction = digits.slice(digits.length - places[unit]);
        const kept = trims ? fraction.replace(/0+$/, '') : fraction;
        expect(epoch(`${time < 0n ? '-' : ''}${whole}${kept === '' ? '' : `.${kept}`}`, unit)).toBe(time);
      }),
      { numRuns: 3_000 },
    );
  });

  it('loses what is finer than a nanosecond', () => {
    expect(epoch('1672531436.12345678999', 's')).toBe(1_672_531_436_123_456_789n);
  });

  it('may have fewer digits than its unit shifts', () => {
    expect(epoch('5', 'ns')).toBe(5n);
    expect(epoch('0', 'us')).toBe(0n);
    expect(epoch('-5', 'us')).toBe(-5_000n);
  });

  it.each(['', '-', '.5', '5.', '1e9', '1 ', ' 1', '1.2.3', '0x1', '+1', '99999999999', '-99999999999'])(
    'is not %j',
    (text) => {
      expect(epoch(text, 's')).toBe('bad');
    },
  );

  it("counts from a day's midnight on the zone's clock", async () => {
    const zone = await ZoneOffsets.of('America/New_York');
    const baseMs = Date.UTC(2012, 5, 21);
    expect(epoch('34200.004241176', 's', { baseMs, zone })).toBe(1_340_285_400_004_241_176n);
  });
});

describe('a time in ISO form', () => {
  it('equals what Temporal reads', () => {
    const offset = fc.constantFrom('Z', 'z', '+00:00', '-05:00', '+0530', '+14', '-11:30');
    const separator = fc.constantFrom('T', 't', ' ');
    fc.assert(
      fc.property(nanosOfTime, offset, separator, fc.nat({ max: 9 }), (time, offset, separator, places) => {
        const text = new Temporal.Instant(time)
          .toString({ fractionalSecondDigits: places as 0 })
          .replace('Z', offset)
          .replace('T', separator);
        expect(iso(text)).toBe(Temporal.Instant.from(text.toUpperCase()).epochNanoseconds);
      }),
      { numRuns: 1_000 },
    );
  });

  it('may be a date alone, or leave out the seconds', () => {
    expect(iso('2024-02-29')).toBe(BigInt(Date.UTC(2024, 1, 29)) * 1_000_000n);
    expect(iso('2024-02-29T12:34')).toBe(BigInt(Date.UTC(2024, 1, 29, 12, 34)) * 1_000_000n);
    expect(iso('2024-02-29 12:34+01:00')).toBe(BigInt(Date.UTC(2024, 1, 29, 11, 34)) * 1_000_000n);
  });

  it("is on the zone's clock where it has no offset, and on its own where it has", async () => {
    const zone = await ZoneOffsets.of('Europe/Berlin');
    expect(iso('2024-07-01T12:00:00', zone)).toBe(BigInt(Date.UTC(2024, 6, 1, 10)) * 1_000_000n);
    expect(iso('2024-07-01', zone)).toBe(BigInt(Date.UTC(2024, 5, 30, 22)) * 1_000_000n);
    expect(iso('2024-07-01T12:00:00Z', zone)).toBe(BigInt(Date.UTC(2024, 6, 1, 12)) * 1_000_000n);
  });

  it.each([
    '',
    '2024',
    '2024-1-1',
    '2023-02-29',
    '2024-13-01',
    '2024-00-01',
    '2024-01-00',
    '2024-01-32',
    '2024-04-31',
    '2024-01-01T',
    '2024-01-01T24:00:00',
    '2024-01-01T12:60:00',
    '2024-01-01T12:00:60',
    '2024-01-01T12',
    '2024-01-01X12:00:00',
    '2024-01-01T12:00:0',
    '2024-01-01T12:00:00.',
    '2024-01-01T12:00:00+',
    '2024-01-01T12:00:00+24:00',
    '2024-01-01T12:00:00+01:0',
    '2024-01-01T12:00:00Zx',
    '20240101T120000',
    '2024/01/01',
    '0001-01-01',
    '9999-12-31',
    '1700000000000',
    'xxxx-xx-xx',
    '2024-01-01 12:00:00 UTC',
  ])('is not %j', (text) => {
    expect(iso(text)).toBe('bad');
  });
});
