import { z } from 'zod';
import { BREAKER_STATES, BUCKETS, COUNT_WINDOW_MAX } from '../../shared-memory/breaker-memory.js';

const count = 'expected a whole number, 0 or more';
const instant = 'expected a number of milliseconds';
const delay = 'expected 0 to 86400000 milliseconds';
const outcomes = `expected up to ${COUNT_WINDOW_MAX} of the letters s, f, S and F`;

const Count = z.int(count).min(0, count);
const Duration = z.number(delay).min(0, delay).max(86_400_000, delay);

/** The result of `breaker.save()`; a breaker can be created again from it. Knows no instant but `savedAtMs`. */
export const BreakerSaved = z.strictObject({
  version: z.literal(1).describe('Of this format'),
  state: z.enum(BREAKER_STATES).describe('State that it was in'),
  openings: Count.describe('Openings since it was last closed'),
  holds: Count.describe('Holds that were not ended'),
  reason: z.string().max(40).optional().describe('Why it was not closed'),
  openLeftMs: Duration.optional().describe('Of an open one: milliseconds that were left of its open time'),
  failuresInRow: Count.optional().describe('Of a closed one: failures in a row so far'),
  countWindow: z
    .string(outcomes)
    .max(COUNT_WINDOW_MAX, outcomes)
    .regex(/^[sfSF]*$/, outcomes)
    .optional()
    .describe('Of a closed one: the last calls, oldest first. s succeeded, f failed, S and F were also slow'),
  timeWindow: z
    .array(z.strictObject({ ageMs: Duration, succeeded: Count, failed: Count, slow: Count }))
    .max(BUCKETS)
    .optional()
    .describe('Of a closed one: the parts of the time window, with the milliseconds since each began'),
  savedAtMs: z.number(instant).describe('Milliseconds since 1970'),
});
export type BreakerSaved = z.output<typeof BreakerSaved>;
