import type { ErrorTexts } from './error-text.js';

/** What should not happen. */
export const INTERNAL_ERRORS = {
  INTERNAL: {
    meaning: 'Something failed that Tickloom did not expect.',
    cause:
      'A bug of Tickloom, or an error of your own code at a place where none is expected. Also: two versions of Tickloom in one process.',
    remedy:
      'Read the stack of the error. Install one version of Tickloom; if the stack does not lead to code of yours, report it.',
    retryable: 'no',
  },
} as const satisfies ErrorTexts;
