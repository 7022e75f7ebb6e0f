import { RuntimeError } from '../core/errors.js';

/** Something other than what `handle()` gives, or a handle of another version of the package. */
export class InvalidHandleError extends RuntimeError {
  override readonly name = 'InvalidHandleError';
  override readonly code = 'HANDLE_INVALID';

  /** @param what - Of what the handle was to be. */
  constructor(what: string, found = 'something else') {
    super(`Expected a handle of ${what}, made by the same version of the package, found ${found}`);
  }
}
