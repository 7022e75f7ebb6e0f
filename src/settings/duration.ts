import { z } from 'zod';
import { DURATION, parseDurationNs } from '../core/duration-text.js';

/** Key of a JSON Schema that says between what a duration must lie; its own keywords are for numbers. */
export const DURATION_RANGE = 'x-duration';

/** What 64 bits of nanoseconds hold: 292 years. */
const LONGEST_NS = 2n ** 63n - 1n;
const EXAMPLES = '"250ms", "1s", "5m", "1h" or "1d"';

/**
 * A length of time as people write it (a number and one unit), read as whole nanoseconds. A number
 * and not a bigint, so that options stay plain data: exact up to 2⁵³ ns (104 days), and for whole days
 * as long as a bound can be; between, it may be off by less than a microsecond.
 */
export function durationNs({ min, max }: { readonly min: string; readonly max: string }) {
  const minNs = mustParse(min);
  const maxNs = mustParse(max);
  const expected = `expected a duration of ${min} to ${max}, such as ${EXAMPLES}`;
  return z
    .string(`${expected} (a number with its unit, as text)`)
    .regex(DURATION, { error: ({ input }) => `${expected}${echo(input)}`, abort: true })
    .meta({ [DURATION_RANGE]: [min, max] })
    .transform((text, context) => {
      const ns = parseDurationNs(text);
      if (ns !== undefined && ns >= minNs && ns <= maxNs) return Number(ns);
      context.addIssue({
        code: 'custom',
        message: ns === undefined ? `${expected}, in whole nanoseconds` : `${expected}, found "${text}"`,
      });
      return z.NEVER;
    });
}

/** Only what looks like an amount is echoed: any other text may be a credential. */
const echo = (input: unknown): string =>
  typeof input === 'string' && /^[-+]?\d[\d.,eE+-]{0,20} ?[a-zµ]{0,4}$/.test(input)
    ? `, found "${input}"`
    : '';

function mustParse(bound: string): bigint {
  const ns = parseDurationNs(bound);
  if (ns === undefined || ns > LONGEST_NS) throw new RangeError(`"${bound}" is not a bound`);
  return ns;
}
