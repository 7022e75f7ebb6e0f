import { z } from 'zod';

const rows = 'expected 1 to 10000 rows';

export const ConsoleSinkOptions = z.strictObject({
  rows: z
    .int(rows)
    .min(1, rows)
    .max(10_000, rows)
    .default(20)
    .describe('Rows shown in all; the rest is only counted'),
  to: z
    .enum(['stderr', 'stdout'], 'expected "stderr" or "stdout"')
    .default('stderr')
    .describe('Stream to print to. Standard output is kept for reports unless you ask for it'),
});
export type ConsoleSinkOptions = z.output<typeof ConsoleSinkOptions>;
