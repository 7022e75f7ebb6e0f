import { afterEach, describe, expect, it, vi } from 'vitest';
import { PlainRows } from '../../../src/formats/csv/plain-rows.js';
import { RowScanner } from '../../../src/formats/csv/row-scanner.js';
import { byKernels, decodeBytes } from '../../support/both-ways.js';

const INPUT = { kind: 'custom', header: false, columns: { a: { from: 1, type: 'int32' } } } as const;

const decode = (lines: readonly string[], batchRows: number) =>
  byKernels(true, () => decodeBytes(Buffer.from(lines.join('')), INPUT, { batchRows }));

/** Rows that the scanner is given to read while a step runs. */
async function scannedRows(step: () => Promise<unknown>): Promise<number> {
  const scanOn = vi.spyOn(RowScanner.prototype, 'scanOn');
  await step();
  return scanOn.mock.results.reduce((sum, { value }, call) => sum + value - scanOn.mock.calls[call]![1], 0);
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('reading plain rows by kernels', () => {
  it.each([10, 50, 63, 1_000])(
    'goes on after an odd row now and then, in batches of %i',
    async (batchRows) => {
      const lines = Array.from({ length: 20_000 }, (_, i) =>
        i % 200 === 101 ? `${i},"a ""b"""\n` : `${i},x\n`,
      );
      const scanned = await scannedRows(async () => {
        expect((await decode(lines, batchRows)).rows).toHaveLength(20_000);
      });
      // Eight for each of the 100 odd rows, and 16 more where a stretch ends so far before it.
      expect(scanned).toBeGreaterThanOrEqual(100);
      expect(scanned).toBeLessThanOrEqual(100 * 24);
    },
  );

  it('leaves ever more rows to the scanner where most are odd', async () => {
    const take = vi.spyOn(PlainRows.prototype, 'take');
    const lines = Array.from({ length: 20_000 }, (_, i) => `${i},"a ""b"""\n`);
    await decode(lines, 1_000);
    expect(take.mock.calls.length).toBeLessThan(100);
  });

  it.each([1, 100])('finds a long row within a few looks, in batches of %i', async (batchRows) => {
    const take = vi.spyOn(PlainRows.prototype, 'take');
    const short = Array.from({ length: 100 }, (_, i) => `${i},x\n`);
    await decode([...short, `1,${'x'.repeat(60_000)}\n`, ...short], batchRows);
    const looks = take.mock.calls.length;
    take.mockClear();
    await decode([...short, '1,x\n', ...short], batchRows);
    // Twice as many bytes each time.
    expect(looks - take.mock.calls.length).toBeLessThan(10);
  });
});
