// @ts-check
import { secret } from 'tickloom/stages';
import { z } from 'zod';

export const Options = z.strictObject({
  url: z.url('expected the URL of the venue').describe('Where the venue is'),
  apiKey: secret(z.string().min(8, 'expected a key of 8 characters or more')).describe('Key of the account'),
});
