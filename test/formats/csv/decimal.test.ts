import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteWindow } from '../../../src/formats/csv/byte-window.js';
import { parseDecimal } from '../../../src/formats/csv/decimal.js';
import { Float64Reader } from '../../../src/formats/csv/number-readers.js';
import { RowScanner } from '../../../src/formats/csv/row-scanner.js';

const digits = (maxLength: number) =>
  fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 0, maxLength }).map((list) => list.join(''));

/** Decimal texts of every form, long and short. */
const decimalText = fc
  .record({
    sign: fc.constantFrom('', '', '-', '+'),
    whole: fc.oneof(digits(7), digits(25)),
    dot: fc.boolean(),
    fraction: fc.oneof(digits(7), digits(30)),
    power: fc.oneof(fc.constant(undefined), fc.integer({ min: -340, max: 320 })),
    letter: fc.constantFrom('e', 'E', 'e+'),
  })
  .map(({ sign, whole, dot, fraction, power, letter }) => {
    const tail = power === undefined ? '' : power < 0 ? `e${power}` : `${letter}${power}`;
    return sign + whole + (dot ? `.${fraction}` : '') + tail;
  })
  .filter((text) => /\d/.test(text.split(/e/i)[0]!));

/** As a column reads it out of a row. */
function readField(text: string, { divideBy = 1, nullable = false } = {}) {
  const window = new ByteWindow();
  window.append(Buffer.from(`7|${text}|8\n`));
  const scanner = new RowScanner([1], 1, { delimiter: 124, comment: new Uint8Array(), header: undefined });
  const rows = scanner.scan(window, 1);
  const out = new Float64Array(1);
  const bad: number[] = [];
  new Float64Reader(divideBy, nullable).read(
    { ...scanner, bytes: window.bytes, stride: scanner.stride, from: 0, rows, outRow: 0 },
    0,
    out,
    (row) => bad.push(row),
  );
  return bad.length > 0 ? 'bad' : out[0]!;
}

describe('a decimal number', () => {
  it('equals Number(text), whatever the text', () => {
    fc.assert(
      fc.property(decimalText, (text) => {
        const bytes = Buffer.from(text);
        const expected = Number(text);
        fc.pre(Number.isFinite(expected));
        expect(parseDecimal(bytes, 0, bytes.length, 0)).toBe(expected);
        expect(readField(text)).toBe(expected);
      }),
      { numRuns: 3_000 },
    );
  });

  it('equals Number(text) for prices of 16 to 19 digits, and right between two doubles', () => {
    const price = fc
      .tuple(fc.bigInt({ min: 10n ** 15n, max: 10n ** 19n - 1n }), fc.nat({ max: 18 }))
      .map(([digits, places]) => {
        const text = String(digits).padStart(places + 1, '0');
        return `${text.slice(0, text.length - places)}.${text.slice(text.length - places)}`;
      });
    // 2⁵³ and above, whole numbers lie between two doubles.
    const between = fc.bigInt({ min: 2n ** 53n, max: 2n ** 63n }).map((value) => String(value));
    fc.assert(
      fc.property(fc.oneof(price, between), (text) => {
        expect(readField(text)).toBe(Number(text));
      }),
      { numRuns: 5_000 },
    );
  });

  it('equals Number(text) for every double as it is printed', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(readField(String(value))).toBe(Number(String(value)));
      }),
      { numRuns: 2_000 },
    );
  });

  it('is divided by a power of ten as if the point were moved in the text', () => {
    fc.assert(
      fc.property(decimalText, fc.integer({ min: 1, max: 9 }), (text, places) => {
        const [mantissa, power = '0'] = text.toLowerCase().split('e');
        const expected = Number(`${mantissa}e${Number(power) - places}`);
        fc.pre(Number.isFinite(expected));
        expect(readField(text, { divideBy: 10 ** places })).toBe(expected);
      }),
      { numRuns: 2_000 },
    );
  });

  it('is divided by any other number like a double', () => {
    expect(readField('10', { divideBy: 32 })).toBe(0.3125);
    expect(readField('-1', { divideBy: 3 })).toBe(-1 / 3);
  });

  it.each([
    '',
    '.',
    '-',
    '+',
    '-.',
    'e5',
    '1e',
    '1e+',
    '1,5',
    '1.2.3',
    '0x10',
    'NaN',
    'inf',
    'Infinity',
    ' 1',
    '1 ',
    '--1',
    '1e999',
    '-1e999',
    '1_000',
    '١',
    'null',
  ])('is not %j', (text) => {
    expect(readField(text)).toBe('bad');
  });

  it('may be missing where the column says so, but not be half there', () => {
    expect(readField('', { nullable: true })).toBeNaN();
    expect(readField('-', { nullable: true })).toBe('bad');
  });
});
