import { RuntimeError } from '../core/errors.js';
import { suggestName } from '../core/nearest-name.js';
import { quoted } from '../core/shown-text.js';

/** A breaker that nobody declared. This is an error: the call is never let through. */
export class BreakerUnknownError extends RuntimeError {
  override readonly name = 'BreakerUnknownError';
  override readonly code = 'BREAKER_UNKNOWN';

  constructor(provider: unknown, known: readonly string[]) {
    const name = String(provider); // the caller may be plain JavaScript
    super(`There is no breaker for the provider ${quoted(name)}${suggestName(name, known)}`);
  }
}
