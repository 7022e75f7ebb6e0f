import { z } from 'zod';

const version = 'expected a version: a whole number from 1 on';
const left = 'expected 0 to 86400000 milliseconds';

/** Checks a state that comes from outside the process. */
export const ToldStateInput = z.strictObject({
  state: z.enum(['closed', 'open', 'halfOpen']),
  version: z.int(version).min(1, version),
  openLeftMs: z.number(left).min(0, left).max(86_400_000, left).optional(),
});
