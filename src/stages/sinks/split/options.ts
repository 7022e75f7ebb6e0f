import { z } from 'zod';
import { outputBranch } from '../../../settings/branch-options.js';
import { cutDeadlineMs } from '../branching/cut-deadline.js';

const name = 'expected the name of a route: 1 to 63 letters, digits, "_" or "-", a letter first';
const routes = 'expected a mapping from 1 to 64 names to routes';
const when = 'expected a condition as text, such as "size >= 100"';
const ROUTES_MAX = 64;

const Route = outputBranch({
  when: z
    .string(when)
    .min(1, when)
    .describe('Condition that a row must meet to take this route, such as `size >= 100`'),
});

/** Options of the sink `split`. */
export const SplitSinkOptions = z.strictObject({
  routes: z
    .record(z.string(name).regex(/^[A-Za-z][A-Za-z0-9_-]{0,62}$/, name), Route, routes)
    .refine((named) => within(Object.keys(named).length), {
      error: ({ input }) => `${routes}, found ${Object.keys(input as object).length} of them`,
    })
    .describe(
      'Where rows go, by names of yours: sinks, each with a condition `when`, and with `operators`, a `batcher` ' +
        'and a `queue` of its own',
    ),
  match: z
    .enum(['first', 'all'], 'expected "first" or "all"')
    .default('first')
    .describe(
      'Which route a row takes that meets the conditions of several: `first`, in the order in which they are ' +
        'written, or `all` of them',
    ),
  otherwise: outputBranch()
    .optional()
    .describe('Where rows go that take no route: a branch without `when`. Without it, they are counted'),
  cutDeadlineMs,
});
export type SplitSinkOptions = z.output<typeof SplitSinkOptions>;

const within = (count: number): boolean => count >= 1 && count <= ROUTES_MAX;
