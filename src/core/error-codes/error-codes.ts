import type { ErrorCode } from '../errors.js';
import { BREAKER_ERRORS } from './breaker-errors.js';
import { BUDGET_ERRORS } from './budget-errors.js';
import { CHECKPOINT_ERRORS } from './checkpoint-errors.js';
import type { ErrorText, ErrorTexts } from './error-text.js';
import { INPUT_ERRORS } from './input-errors.js';
import { INTERNAL_ERRORS } from './internal-errors.js';
import { JOB_ERRORS } from './job-errors.js';
import { OUTPUT_ERRORS } from './output-errors.js';
import { PROVIDER_TEXTS } from './provider-errors.js';
import { SPEC_ERRORS } from './spec-errors.js';
import { STORE_ERRORS } from './store-errors.js';
import { TOPIC_ERRORS } from './topic-errors.js';

/**
 * The only text about each code. It is long, and for people who ask for it: neither a thread nor
 * whoever imports `tickloom` loads it, so import it where it is shown, and nowhere else.
 *
 * A code without an entry does not compile.
 */
export const ERROR_TEXTS: Readonly<Record<ErrorCode, ErrorText>> = {
  ...SPEC_ERRORS,
  ...INPUT_ERRORS,
  ...OUTPUT_ERRORS,
  ...CHECKPOINT_ERRORS,
  ...STORE_ERRORS,
  ...JOB_ERRORS,
  ...TOPIC_ERRORS,
  ...PROVIDER_TEXTS,
  ...BUDGET_ERRORS,
  ...BREAKER_ERRORS,
  ...INTERNAL_ERRORS,
};

export interface ErrorGroup {
  readonly title: string;
  readonly codes: ErrorTexts;
}

/** The same codes, in the order in which people read them. */
export const ERROR_GROUPS: readonly ErrorGroup[] = [
  { title: 'Specs and options', codes: SPEC_ERRORS },
  { title: 'Input', codes: INPUT_ERRORS },
  { title: 'Output', codes: OUTPUT_ERRORS },
  { title: 'Checkpoints', codes: CHECKPOINT_ERRORS },
  { title: 'Stores of jobs, and leases', codes: STORE_ERRORS },
  { title: 'Jobs and threads', codes: JOB_ERRORS },
  { title: 'Topics', codes: TOPIC_ERRORS },
  { title: 'Providers', codes: PROVIDER_TEXTS },
  { title: 'Budgets', codes: BUDGET_ERRORS },
  { title: 'Breakers', codes: BREAKER_ERRORS },
  { title: 'Internal', codes: INTERNAL_ERRORS },
];
