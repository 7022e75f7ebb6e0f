// @ts-check
import { z } from 'zod';

export const Options = z.strictObject({
  everyMs: z
    .int()
    .min(0)
    .max(60_000)
    .default(20)
    .describe('Wait between two calls for the quotes of all symbols, in ms. 0: as fast as the gate lets it'),
  breaksOffAfter: z
    .int()
    .min(1)
    .optional()
    .describe('Calls after which the venue breaks off, once. Default: it does not'),
});
