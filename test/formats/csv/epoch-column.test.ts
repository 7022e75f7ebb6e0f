import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readInt64 } from '../../../src/columns/int64.js';
import { ByteWindow } from '../../../src/formats/csv/byte-window.js';
import { RowScanner } from '../../../src/formats/csv/row-scanner.js';
import { EpochReader } from '../../../src/formats/csv/time-readers.js';
import { ZoneOffsets } from '../../../src/formats/csv/zone-offsets.js';

const utc = await ZoneOffsets.of('UTC');
const newYork = await ZoneOffsets.of('America/New_York');
const UNITS = ['s', 'ms', 'us', 'ns'] as const;
type Unit = (typeof UNITS)[number];
const NS: Record<Unit, bigint> = { s: 1_000_000_000n, ms: 1_000_000n, us: 1_000n, ns: 1n };
/** As whole ms, what `EPOCH_MS_MAX` says. */
const MS_MAX = 8_796_006_622_208n;

/** Reads lines of one field each: ns since 1970, or `bad`. */
function readColumn(
  lines: readonly string[],
  unit: Unit,
  zone = utc,
  midnightMs?: number,
): (bigint | 'bad')[] {
  const window = new ByteWindow();
  window.append(Buffer.from(lines.map((line) => `${line}\n`).join('')));
  window.seal();
  const scan = { delimiter: 44, comment: new Uint8Array(0), header: undefined };
  const scanner = new RowScanner([0], lines.length, scan);
  const rows = scanner.scan(window, lines.length);
  expect(rows).toBe(lines.length);
  const { bounds, numbers, stride, doubled } = scanner;
  const words = new Int32Array(2 * rows);
  const bad = new Set<number>();
  new EpochReader({ unit, zone, midnightMs }).read(
    { bytes: window.bytes, bounds, numbers, stride, doubled, from: 0, rows, outRow: 0 },
    0,
    words,
    (row) => bad.add(row),
  );
  return lines.map((_, row) => (bad.has(row) ? 'bad' : readInt64(words, row)));
}

describe('a column of whole numbers of time', () => {
  it('gives each row its instant, whatever stands in the row before', () => {
    const near = fc.bigInt({ min: -3_000_000_000n, max: 3_000_000_000n });
    const row = fc.oneof(
      { weight: 8, arbitrary: near },
      { weight: 1, arbitrary: fc.constant('odd' as const) },
      { weight: 1, arbitrary: fc.bigInt({ min: 0n, max: 10n ** 19n }) },
    );
    fc.assert(
      fc.property(
        fc.constantFrom(...UNITS),
        fc.bigInt({ min: 0n, max: 8_700_000_000_000_000_000n }),
        fc.array(row, { minLength: 1, maxLength: 60 }),
        fc.boolean(),
        (unit, startNs, rows, isQuoted) => {
          let value = startNs / NS[unit];
          const lines: string[] = [];
          const expected: (bigint | 'bad')[] = [];
          for (const step of rows) {
            if (step === 'odd') {
              lines.push('12x4');
              expected.push('bad');
              continue;
            }
            value = step >= 10n ** 10n ? step : value + step < 0n ? 0n : value + step;
            lines.push(isQuoted ? `"${value}"` : String(value));
            const isHeld = (value * NS[unit]) / 1_000_000n <= MS_MAX;
            expected.push(isHeld ? value * NS[unit] : 'bad');
          }
          expect(readColumn(lines, unit)).toEqual(expected);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('tells numbers apart that differ by more than 32 bits hold and end alike', () => {
    const a = 1_704_153_600_000n;
    const lines = [a, a + 2n ** 32n, a + 2n ** 33n, a, a - 2n ** 32n, a + 999_999_999n].map(String);
    expect(readColumn(lines, 'ms')).toEqual(lines.map((line) => BigInt(line) * 1_000_000n));
  });

  it('takes leading zeros', () => {
    const lines = ['0001704153600000', '0001704153600001', '1704153600002'];
    expect(readColumn(lines, 'ms')).toEqual(lines.map((line) => BigInt(line) * 1_000_000n));
  });

  it('goes by the clock of the zone over its turn', () => {
    // 8 March 2020, 01:59:59.999 and 03:00 in New York, as if they were UTC.
    const before = Date.UTC(2020, 2, 8, 1, 59, 59, 999);
    const after = Date.UTC(2020, 2, 8, 3);
    expect(readColumn([before, after].map(String), 'ms', newYork)).toEqual([
      BigInt(Date.UTC(2020, 2, 8, 6, 59, 59, 999)) * 1_000_000n,
      BigInt(Date.UTC(2020, 2, 8, 7)) * 1_000_000n,
    ]);
  });

  it("counts from a day's midnight", () => {
    const midnightMs = Date.UTC(2024, 0, 2);
    const lines = ['34200000000000', '34200000000001', '34201999999999'];
    expect(readColumn(lines, 'ns', utc, midnightMs)).toEqual(
      lines.map((line) => BigInt(midnightMs) * 1_000_000n + BigInt(line)),
    );
  });

  it('takes none that counts from a midnight too far away', () => {
    const lines = ['5', '123456789', '1234567890123'];
    expect(readColumn(lines, 'ms', utc, Date.UTC(9999, 11, 31))).toEqual(['bad', 'bad', 'bad']);
    expect(readColumn(lines, 's', utc, Date.UTC(1600, 0, 1))).toEqual(['bad', 'bad', 'bad']);
  });

  it('takes none that is later than can be held, next to one that is not', () => {
    const last = MS_MAX;
    const lines = [last - 2n, last - 1n, last, last + 1n, last + 500n, last - 3n].map(String);
    const held = (line: string) => (BigInt(line) <= last ? BigInt(line) * 1_000_000n : 'bad');
    expect(readColumn(lines, 'ms')).toEqual(lines.map(held));
  });
});
