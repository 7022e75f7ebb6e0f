import { z } from 'zod';

/** The null sink has nothing to set. */
export const NullSinkOptions = z.strictObject({});
export type NullSinkOptions = z.output<typeof NullSinkOptions>;
