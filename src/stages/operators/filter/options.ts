import { z } from 'zod';

const where = 'expected a condition as text, such as "bid > 0 and ask >= bid"';

export const FilterOptions = z.strictObject({
  where: z
    .string(where)
    .min(1, where)
    .describe('Condition that a row must meet to be kept, such as `bid > 0 and ask >= bid`'),
});
export type FilterOptions = z.output<typeof FilterOptions>;
