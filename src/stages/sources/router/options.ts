import { z } from 'zod';
import { calendarOption } from '../../../settings/calendar-option.js';
import { durationNs } from '../../../settings/duration.js';
import { inputLine } from '../../../settings/input-options.js';
import { STRATEGIES } from './strategies.js';

const SOURCES_MAX = 16;
const sources = `expected 1 to ${SOURCES_MAX} sources, as a list or by names`;
const name = 'expected a name of 1 to 63 letters, digits, "_" or "-" that begins with a letter';
const weight = 'expected a weight from 0.001 to 1000000';
const share = 'expected a share from 0.01 to 1';

const Weight = z.number(weight).min(0.001, weight).max(1_000_000, weight);

/** Options of the source `router`. */
export const RouterOptions = z.strictObject({
  sources: z
    .union(
      [
        z.array(inputLine(), sources).min(1, sources).max(SOURCES_MAX, sources),
        z
          .record(z.string(name).regex(/^[A-Za-z][A-Za-z0-9_-]{0,62}$/, name), inputLine(), sources)
          .refine(
            (named) => Object.keys(named).length > 0 && Object.keys(named).length <= SOURCES_MAX,
            sources,
          ),
      ],
      sources,
    )
    .describe(
      'The sources, in order of preference: each `use` and its options, with `operators` behind it if its rows need ' +
        'any. All must have the same columns in the end',
    ),
  strategy: z
    .enum(STRATEGIES, `expected one of ${STRATEGIES.join(', ')}`)
    .default('first')
    .describe(
      'Which source comes next. `first`: the first one in the list that works, and back to it later. `round-robin`: ' +
        'the next one in the list. `fastest`: the one that gives a row first. `weighted`: by chance',
    ),
  weights: z
    .union(
      [z.array(Weight), z.record(z.string(), Weight)],
      'expected a weight for each source, as a list or by names',
    )
    .optional()
    .describe('For `weighted`: how likely each source is, as a list or by its name. Default: all the same'),
  hold: durationNs({ min: '0s', max: '1d' })
    .prefault('30s')
    .describe('For `first`: how long a better source must have given rows before the router goes back to it'),
  coolDown: durationNs({ min: '0s', max: '1d' })
    .prefault('1m')
    .describe('Least time between two moves away from a source that works. One that fails is left at once'),
  silence: durationNs({ min: '100ms', max: '1d' })
    .optional()
    .describe(
      'Leaves a source that has given no row for so much open session, by the clock of receipt. Default: silence is no reason',
    ),
  sessions: calendarOption()
    .optional()
    .describe(
      'With `silence`: the calendar of the market, by its name or its file. Default: that of all sources, if they ' +
        'know it and it is the same. Without one, no source is left for its silence',
    ),
  silentShare: z
    .number(share)
    .min(0.01, share)
    .max(1, share)
    .default(1)
    .describe('With `silence`: the share of the symbols that have had rows which must be silent. 1: all'),
  switchOnGap: z
    .boolean('expected true or false')
    .default(false)
    .describe('With `standby: hot`: moves to the next source where the current one tells of a `gap`'),
  standby: z
    .enum(['cold', 'hot'], 'expected cold or hot')
    .default('cold')
    .describe(
      '`hot`: the next source is connected, too, and its rows are discarded. `cold`: it is opened when it is needed',
    ),
  sequence: z
    .strictObject({
      scope: z
        .enum(['symbol', 'stream'], 'expected symbol or stream')
        .default('symbol')
        .describe('Whether each symbol is numbered on its own, or all rows together'),
      step: z
        .enum(['one', 'up'], 'expected one or up')
        .default('one')
        .describe('`one`: each number is one more than the last. `up`: numbers only grow'),
    })
    .optional()
    .describe(
      'Says that all sources number the same rows in the same way, in their column `sequence`. Default: what ' +
        'providers declare, if it is the same for all sources',
    ),
  openWithin: durationNs({ min: '100ms', max: '1h' })
    .prefault('30s')
    .describe('How long a source may take to open'),
  backOff: durationNs({ min: '1ms', max: '1d' })
    .prefault('1s')
    .describe(
      'Longest rest after the first failure of a source. It doubles with each failure in a row; the rest is a random part of it',
    ),
  backOffMax: durationNs({ min: '1ms', max: '1d' }).prefault('1m').describe('The most that it grows to'),
  downMax: durationNs({ min: '0s', max: '30d' })
    .optional()
    .describe(
      'How long all sources may be down before the job fails. Default: they are tried again for as long as one may recover',
    ),
});
export type RouterOptions = z.output<typeof RouterOptions>;
