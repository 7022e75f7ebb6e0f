// @ts-check
import { z } from 'zod';

const min = 'expected a number of basis points, 0 or more';

export const Options = z.strictObject({
  min: z.number(min).min(0, min).default(1).describe('Basis points from which on a spread is wide'),
});
