import { RuntimeError } from './errors.js';
import { redact, redactError } from './redact.js';

/** Deeper causes are copied: they may lead round to the first. */
const CAUSES_MAX = 8;

/** The same error without credentials, if it is one of ours, which callers know by its class; otherwise a copy. */
export function redactThrown(thrown: unknown, depth = 0): unknown {
  if (!(thrown instanceof RuntimeError) || depth >= CAUSES_MAX) return redactError(thrown);
  thrown.message = redact(thrown.message);
  if (thrown.stack !== undefined) thrown.stack = redact(thrown.stack);
  if (thrown.cause !== undefined) thrown.cause = redactThrown(thrown.cause, depth + 1);
  return thrown;
}
