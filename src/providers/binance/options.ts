import { z } from 'zod';
import { secret } from '../../engine/component.js';

const key = 'expected an API key of 8 to 200 characters';

const url = (schemes: RegExp, expected: string, byDefault: string, description: string) =>
  z
    .url({ protocol: schemes, error: expected, abort: true })
    .refine(isPlain, 'expected a URL without user, query and fragment')
    .default(byDefault)
    .describe(description);

/** Whether a path can be put behind a URL. */
function isPlain(text: string): boolean {
  const { username, password } = new URL(text);
  return username === '' && password === '' && !/[?#]/.test(text);
}

const restUrl = (byDefault: string) =>
  url(
    /^https?$/,
    'expected a URL with https',
    byDefault,
    'Where requests go: also for the test network and other sites of the venue',
  );
const streamUrl = (byDefault: string) =>
  url(/^wss?$/, 'expected a URL with wss', byDefault, 'Where sockets are opened, without a path');

const apiKey = secret(z.string(key).min(8, key).max(200, key))
  .optional()
  .describe('Key of an account, sent with requests. No permission is needed, and no secret');

const observeWeight = z
  .boolean('expected true or false')
  .default(false)
  .describe(
    'Whether the weight that the venue counts as used in a minute, that of other processes at the same address as well, ' +
      'counts in the budget. Only for a budget whose first limit is one of a minute',
  );

const bookLevels = <const Levels extends readonly number[]>(levels: Levels) =>
  z
    .literal(levels, `expected one of ${levels.join(', ')}`)
    .default(1_000)
    .describe('Levels of each side in the snapshot with which a book begins. More cost more weight');

/** Options of `binance-spot`. */
export const SpotOptions = z.strictObject({
  restUrl: restUrl('https://api.binance.com'),
  streamUrl: streamUrl('wss://stream.binance.com:9443'),
  apiKey,
  observeWeight,
  bookLevels: bookLevels([100, 500, 1_000, 5_000]),
  bookEvery: z
    .enum(['100ms', '1000ms'], 'expected 100ms or 1000ms')
    .default('100ms')
    .describe('How often the changes of a book come'),
});

/** Options of `binance-usdm`. */
export const UsdmOptions = z.strictObject({
  restUrl: restUrl('https://fapi.binance.com'),
  streamUrl: streamUrl('wss://fstream.binance.com'),
  apiKey: apiKey.describe(
    'Key of an account, sent with requests. The history of trades needs one. No permission is needed, and no secret',
  ),
  observeWeight,
  bookLevels: bookLevels([100, 500, 1_000]),
  bookEvery: z
    .enum(['100ms', '250ms', '500ms'], 'expected 100ms, 250ms or 500ms')
    .default('100ms')
    .describe('How often the changes of a book come'),
});

/** Options of `binance-usdm-agg`. */
export const UsdmAggregatedOptions = z.strictObject({
  restUrl: restUrl('https://fapi.binance.com'),
  streamUrl: streamUrl('wss://fstream.binance.com'),
  apiKey,
  observeWeight,
});

/** What all have. */
export interface BinanceOptions {
  readonly restUrl: string;
  readonly streamUrl: string;
  readonly apiKey?: string | undefined;
  readonly observeWeight: boolean;
}

/** What those with books have as well. */
export interface BookOptions {
  readonly bookLevels: number;
  readonly bookEvery: string;
}
