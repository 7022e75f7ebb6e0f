import { describe, expect, it } from 'vitest';
import { Random } from '../../../src/core/random.js';
import { Float64Reader } from '../../../src/formats/csv/number-readers.js';
import { tried } from '../../support/deep.js';
import { readByKernel } from '../../support/kernel-column.js';

const TEXTS = tried(300_000, 2_000_000, 10_000_000);
const LINES = 4_000;

/** Digits that a random number generator makes, so that millions of texts take seconds. */
class Texts {
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = new Random(seed);
  }

  next(): string {
    const sign = ['', '', '', '', '-', '-', '+'][this.#random.below(7)]!;
    switch (this.#random.below(8)) {
      case 0:
        return sign + this.#digits(1 + this.#random.below(40));
      case 1:
        return `${sign}${this.#digits(this.#random.below(22))}.${this.#digits(this.#random.below(22))}`;
      case 2:
        return sign + String(this.#random.next() * 10 ** this.#random.below(20));
      case 3:
        return (
          sign +
          (this.#random.next() * 10 ** (this.#random.below(44) - 22)).toExponential(this.#random.below(20))
        );
      case 4: // right between two doubles, or next to it
        return sign + this.#between();
      case 5: {
        const text = this.#digits(1 + this.#random.below(19));
        const odd = '.+-eE x\u0000"_,'[this.#random.below(11)]!;
        const at = this.#random.below(text.length + 1);
        return sign + text.slice(0, at) + (odd === '"' ? '' : odd) + text.slice(at);
      }
      default:
        return `${sign}${this.#digits(1 + this.#random.below(6))}.${this.#digits(1 + this.#random.below(8))}`;
    }
  }

  #digits(count: number): string {
    let text = '';
    for (let left = count; left > 0; left -= 9) {
      text += String(this.#random.below(1e9)).padStart(9, '0').slice(0, Math.min(left, 9));
    }
    return text;
  }

  #between(): string {
    const odd = 2n ** 53n + 2n * BigInt(this.#random.below(2 ** 52)) + 1n;
    const text = String(odd * 2n ** BigInt(this.#random.below(4)) + BigInt(this.#random.below(3)) - 1n);
    return this.#random.below(2) === 0 ? text : `${text.slice(0, -3)}.${text.slice(-3)}`;
  }
}

const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

describe('the kernel of decimals', () => {
  it('gives what Number(text) gives, bit for bit, and nothing for what is no decimal', () => {
    const reader = new Float64Reader(1, false);
    const out = new Float64Array(8_192);
    const seed = 20_240_131;
    const texts = new Texts(seed);
    let read = 0;
    for (let done = 0; done < TEXTS; done += LINES) {
      // Not blank, or it would be no row.
      const lines = Array.from({ length: LINES }, () => texts.next() || '7');
      const wasRead = readByKernel(reader, lines, out);
      for (let row = 0; row < wasRead.length; row++) {
        if (!wasRead[row]) continue;
        read++;
        const text = lines[row]!;
        const isSame = DECIMAL.test(text) && Object.is(out[row], Number(text));
        if (!isSame) expect([text, out[row]]).toEqual([text, Number(text)]);
      }
    }
    expect(read).toBeGreaterThan(TEXTS / 2);
  });

  it.each([1, 2, 7, 8, 9, 15, 22])(
    'gives texts divided by 10^%d as if the point were moved in them',
    (tenths) => {
      const reader = new Float64Reader(Number(`1e${tenths}`), false);
      const out = new Float64Array(8_192);
      const texts = new Texts(tenths);
      let read = 0;
      for (let done = 0; done < TEXTS / 10; done += LINES) {
        const lines = Array.from({ length: LINES }, () => texts.next()).filter((text) =>
          /^[-.\d]+$/.test(text),
        );
        const wasRead = readByKernel(reader, lines, out);
        for (let row = 0; row < wasRead.length; row++) {
          if (!wasRead[row]) continue;
          read++;
          const moved = Number(`${lines[row]!}e-${tenths}`);
          if (!Object.is(out[row], moved)) expect([lines[row], out[row]]).toEqual([lines[row], moved]);
        }
      }
      expect(read).toBeGreaterThan(TEXTS / 100);
    },
  );

  it('leaves what it cannot round, and reads all that prices look like', () => {
    const reader = new Float64Reader(1, false);
    const out = new Float64Array(8_192);
    const readable = [
      '1',
      '0',
      '-0',
      '190.01',
      '0.00000001',
      '123456789012345',
      '-5.',
      '.5',
      '12345678.1234567',
    ];
    const longer = ['1234567890.123456789', '0.1000000000000000055', '1e5', '1.5E-7', '+7'];
    const left = ['', '.', '-', '1e', '1.2.3', '0x10', 'nan', ' 1', '1 ', '1'.repeat(40), '1e-30', '1e400'];
    // Right between two doubles.
    left.push('9007199254740993');
    const lines = [...readable, ...longer, ...left.filter((text) => text !== '')];
    const wasRead = readByKernel(reader, lines, out);
    expect(lines.filter((_, row) => wasRead[row])).toEqual([...readable, ...longer]);
    for (const [row, text] of [...readable, ...longer].entries()) expect(out[row]).toBe(Number(text));
  });
});
