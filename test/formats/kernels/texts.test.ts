import { describe, expect, it } from 'vitest';
import { testedKernels } from '../../support/kernel-column.js';

const kernels = testedKernels();

/** Puts texts in as rows of one field. */
function rowsOf(texts: readonly string[]): number {
  const bytes = Buffer.from(texts.map((text) => `${text}\n`).join(''));
  kernels.bytes.set(bytes, kernels.input);
  const lines = kernels.call.findStructure(kernels.input, kernels.input + bytes.length, 124);
  const rows = kernels.call.takeRows(1, lines, -1, false, 0);
  kernels.call.chooseField(0, 1, rows);
  kernels.call.beginTexts();
  expect(rows).toBe(texts.length);
  return rows;
}

describe('the kernel of texts', () => {
  it('knows a text by all its bytes, its length and its owner', () => {
    const texts = ['A', 'A\u0000', 'AAAAAAAAAAAAAAAA', 'AAAAAAAAAAAAAAAB', 'B', 'É'];
    const rows = rowsOf(texts);
    for (let row = 0; row < rows; row++) {
      expect(kernels.call.readTexts32(0, rows, 1_000_001)).toBe(row);
      kernels.call.keepText(row, 1_000_001, 10 + row);
    }
    expect(kernels.call.readTexts32(0, rows, 1_000_001)).toBe(rows);
    const numbers = new Int32Array(rows);
    kernels.copyValues(numbers, 0, rows);
    expect([...numbers]).toEqual([10, 11, 12, 13, 14, 15]);
    expect(kernels.call.readTexts32(0, rows, 1_000_002)).toBe(0);
  });

  it('gives up texts where it has no room, and never gives one the number of another', () => {
    const owner = 1_000_003;
    let known = 0;
    for (let round = 0; round < 2; round++) {
      for (let from = 0; from < 40_000; from += 4_000) {
        const rows = rowsOf(Array.from({ length: 4_000 }, (_, i) => `S${from + i}`));
        const numbers = new Int32Array(1);
        for (let row = 0; row < rows; row++) {
          if (kernels.call.readTexts32(row, row + 1, owner) === row) {
            kernels.call.keepText(row, owner, from + row);
            continue;
          }
          known++;
          expect(kernels.call.readTexts32(row, row + 1, owner)).toBe(row + 1);
          kernels.copyValues(numbers, 0, 0);
        }
        expect(kernels.call.readTexts32(rows - 1, rows, owner)).toBe(rows);
      }
    }
    expect(known).toBeLessThan(40_000);
  });

  it('stops at each text of more than 16 bytes, since only the caller can know it', () => {
    const rows = rowsOf(['AAPL240119C00150000', 'A', 'AAPL240119C00150001']);
    kernels.call.keepText(1, 1_000_004, 7);
    expect(kernels.call.readTexts8(0, rows, 1_000_004)).toBe(0);
    expect(kernels.call.readTexts8(1, rows, 1_000_004)).toBe(2);
    expect(kernels.call.textsLeft()).toBe(0);
  });
});
