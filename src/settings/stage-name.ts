import { z } from 'zod';
import { cutText } from '../core/shown-text.js';

const expected = 'expected 1 to 100 letters, digits, ".", "_" or "-"';

/** The name that a user gives a stage. */
export const StageName = z
  .string(expected)
  .regex(/^[A-Za-z0-9._-]{1,100}$/, {
    error: ({ input }) => `${expected}, found "${cutText(String(input), 40)}"`,
  })
  .describe(
    'Your name for this stage, in reports, errors and logs: 1 to 100 letters, digits, `.`, `_` or `-`, unique in the spec. ' +
      'The checkpoint state of an operator, or of an input, goes by it',
  );
