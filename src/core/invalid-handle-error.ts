import { RuntimeError } from './errors.js';

/** The value is not what `handle()` returns, or is a handle from another version of the package. */
export class InvalidHandleError extends RuntimeError {
  override readonly name = 'InvalidHandleError';
  override readonly code = 'HANDLE_INVALID';

  /** @param what - What the handle should have been a handle of. */
  constructor(what: string, found: string) {
    super(`Expected a handle of ${what}, made by the same version of the package, found ${found}`);
  }
}
