import { z } from 'zod';

/** Options of the null sink: there are none. */
export const NullSinkOptions = z.strictObject({});
export type NullSinkOptions = z.output<typeof NullSinkOptions>;
