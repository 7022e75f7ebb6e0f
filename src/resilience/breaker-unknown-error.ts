import { RuntimeError } from '../core/errors.js';
import { suggestName } from '../core/nearest-name.js';

/** A breaker that nobody declared. This is an error: the call is never let through. */
export class BreakerUnknownError extends RuntimeError {
  override readonly name = 'BreakerUnknownError';
  override readonly code = 'BREAKER_UNKNOWN';

  constructor(provider: string, known: readonly string[]) {
    super(`There is no breaker for the provider "${provider}"${suggestName(provider, known)}`);
  }
}
