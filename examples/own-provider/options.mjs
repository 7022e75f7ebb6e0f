// @ts-check
import { secret } from 'tickloom/stages';
import { z } from 'zod';

const rows = 'expected 1 to 1000 rows';

export const Options = z.strictObject({
  url: z.url('expected the URL of the service').describe('Where the service is'),
  apiKey: secret(z.string().min(8, 'expected a key of 8 characters or more')).describe('Key of the account'),
  symbol: z.string('expected a symbol').min(1, 'expected a symbol').describe('Whose trades'),
  pageRows: z.int(rows).min(1, rows).max(1_000, rows).default(500).describe('Trades that one call asks for'),
});
