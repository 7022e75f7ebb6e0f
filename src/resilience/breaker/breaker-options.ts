import { z } from 'zod';
import { COUNT_WINDOW_MAX, PROBES_MAX } from '../../shared-memory/breaker-memory.js';

const text = 'expected a text of 1 to 200 characters';
const limit = 'expected 1 to 1000000 failures';
const rate = 'expected a rate above 0 and up to 1';
const size = 'expected 1 to 8192 calls';
const volume = 'expected 1 to 1000000 calls';
const length = 'expected 100 to 86400000 milliseconds';
const delay = 'expected 1 to 86400000 milliseconds';
const factor = 'expected a factor of 1 to 100';
const jitter = 'expected 0 to 1';
const probes = 'expected 1 to 64 probes';

const Rate = z.number(rate).gt(0, rate).max(1, rate);
const Delay = z.number(delay).min(1, delay).max(86_400_000, delay);
const Rates = {
  failureRate: Rate.optional().describe(
    'Share of failures among the calls of the window at which it opens the breaker',
  ),
  slowCallRate: Rate.optional().describe(
    'Share of slow calls among the calls of the window at which it opens the breaker',
  ),
};
const needsRate = 'expected "failureRate", "slowCallRate" or both';

const CountWindow = z
  .strictObject({
    size: z
      .int(size)
      .min(1, size)
      .max(COUNT_WINDOW_MAX, size)
      .default(100)
      .describe('How many of the last calls the window holds'),
    minimumVolume: z
      .int(volume)
      .min(1, volume)
      .max(COUNT_WINDOW_MAX, size)
      .optional()
      .describe('Calls that the window must hold before it can open the breaker. Without it, `size`'),
    ...Rates,
  })
  .transform((window) => ({ ...window, minimumVolume: window.minimumVolume ?? window.size }))
  .refine(({ minimumVolume, size }) => minimumVolume <= size, {
    path: ['minimumVolume'],
    message: 'expected no more than "size"',
  })
  .refine(({ failureRate, slowCallRate }) => (failureRate ?? slowCallRate) !== undefined, needsRate);

const TimeWindow = z
  .strictObject({
    lengthMs: z
      .number(length)
      .min(100, length)
      .max(86_400_000, length)
      .default(10_000)
      .describe('How many of the last milliseconds the window holds, in ten parts'),
    minimumVolume: z
      .int(volume)
      .min(1, volume)
      .max(1_000_000, volume)
      .default(20)
      .describe('Calls that the window must hold before it can open the breaker'),
    ...Rates,
  })
  .refine(({ failureRate, slowCallRate }) => (failureRate ?? slowCallRate) !== undefined, needsRate);

/** The options of a breaker besides its name. */
const fields = {
  failuresInRow: z
    .int(limit)
    .min(1, limit)
    .max(1_000_000, limit)
    .optional()
    .describe(
      'Failures without a success in between that open the breaker. Without it, 5 if no other ' +
        'condition is given',
    ),
  countWindow: CountWindow.optional().describe('Opens the breaker on rates over the last calls'),
  timeWindow: TimeWindow.optional().describe('Opens the breaker on rates over the last milliseconds'),
  slowCallMs: Delay.optional().describe('Milliseconds from which on a call counts as slow'),
  timeoutMs: Delay.optional().describe(
    'Milliseconds after which `execute` gives a call up: its signal aborts, and it counts as a failure. ' +
      'Without it, a call may take as long as it likes',
  ),
  openMs: Delay.default(5_000).describe('Milliseconds that it is open the first time'),
  openFactor: z
    .number(factor)
    .min(1, factor)
    .max(100, factor)
    .default(2)
    .describe('Factor by which the open time grows each time that the probes fail'),
  openMsMax: Delay.default(60_000).describe('Milliseconds that the open time never exceeds, jitter included'),
  openJitter: z
    .number(jitter)
    .min(0, jitter)
    .max(1, jitter)
    .default(0.1)
    .describe('Share by which an open time is lengthened or shortened at random'),
  probes: z
    .int(probes)
    .min(1, probes)
    .max(PROBES_MAX, probes)
    .default(1)
    .describe('Calls that are let through half-open'),
  probeSuccessRate: Rate.default(1).describe('Share of the probes that must succeed for it to close'),
  probeMsMax: Delay.default(30_000).describe(
    'Milliseconds after which a probe without an outcome is given to another call',
  ),
  whenBroken: z
    .enum(['fail-open', 'fail-closed'])
    .default('fail-open')
    .describe('What it does without its machine: `fail-open` lets all calls through, `fail-closed` none'),
};

type Fields = z.output<z.ZodObject<typeof fields>>;

/** Without any condition, it opens after five failures in a row. */
function withCondition<Options extends Fields>(options: Options): Options {
  const { failuresInRow, countWindow, timeWindow } = options;
  const hasCondition = (failuresInRow ?? countWindow ?? timeWindow) !== undefined;
  return hasCondition ? options : { ...options, failuresInRow: 5 };
}

/** Refuses options that do not go together. */
function checkTogether(options: Fields, context: z.core.$RefinementCtx<Fields>): void {
  const { openMs, openMsMax, slowCallMs, countWindow, timeWindow } = options;
  const add = (path: string, message: string) =>
    context.addIssue({ code: 'custom', path: [path], message, input: options });
  if (openMs > openMsMax) add('openMsMax', 'expected no less than "openMs"');
  const slowCallRate = countWindow?.slowCallRate ?? timeWindow?.slowCallRate;
  if (slowCallMs === undefined && slowCallRate !== undefined)
    add('slowCallMs', 'expected a duration, since a "slowCallRate" is given');
}

/** Options of a breaker that is named by where it stands. */
export const UnnamedBreakerOptions = z
  .strictObject(fields)
  .superRefine(checkTogether)
  .transform((options) => withCondition(options));

/** Options of a breaker. Without any condition, it opens after five failures in a row. */
export const BreakerOptions = z
  .strictObject({
    name: z.string(text).min(1, text).max(200, text).describe('Name of the breaker in errors and events'),
    ...fields,
  })
  .superRefine(checkTogether)
  .transform((options) => withCondition(options));
export type BreakerOptions = z.input<typeof BreakerOptions>;
/** Options after checks and defaults. Plain data that may be posted to a thread. */
export type BreakerSettings = z.output<typeof BreakerOptions>;
