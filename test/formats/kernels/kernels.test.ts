import { describe, expect, it, vi } from 'vitest';
import { RowScanner } from '../../../src/formats/csv/row-scanner.js';
import { kernelsOfThread } from '../../../src/formats/kernels/kernels.js';
import { byKernels, decodeBytes } from '../../support/both-ways.js';

describe('the kernels', () => {
  it('are the same for all files of a thread, in less than a megabyte', async () => {
    await byKernels(true, async () => {
      expect(kernelsOfThread()).toBe(kernelsOfThread());
      expect(kernelsOfThread()!.bytes.length).toBeLessThan(1_048_576);
    });
  });

  it('are not used where TICKLOOM_NO_WASM says so', async () => {
    await byKernels(false, async () => expect(kernelsOfThread()).toBeUndefined());
  });

  it('read plain rows, quoted or not, without the scanner', async () => {
    const scanOn = vi.spyOn(RowScanner.prototype, 'scanOn');
    try {
      const lines = Array.from(
        { length: 5_000 },
        (_, i) => `${1_704_153_600_000 + i},"S${i % 9}",${i / 100}\r\n`,
      );
      const columns = { time: { from: 1, unit: 'ms' }, symbol: 2, price: 3 } as const;
      const input = { kind: 'trade', header: false, columns } as const;
      const decode = () => decodeBytes(Buffer.from(lines.join('')), input, { batchRows: 1_000 });
      const { rows } = await byKernels(true, decode);
      expect(rows).toHaveLength(5_000);
      const found = scanOn.mock.results.map(({ value }, call) => value - scanOn.mock.calls[call]![1]);
      // The first two are looked at before they are read.
      expect(found.reduce((sum, rows) => sum + rows, 0)).toBeLessThanOrEqual(2);
    } finally {
      scanOn.mockRestore();
    }
  });
});
