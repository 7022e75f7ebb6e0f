import { type ErrorCode, RuntimeError, type WireError } from '../../core/errors.js';

/** A process ended before its task reported. */
export class ProcessLostError extends RuntimeError {
  override readonly name = 'ProcessLostError';
  override readonly code: Extract<
    ErrorCode,
    'PROCESS_NOT_STARTED' | 'PROCESS_CRASHED' | 'PROCESS_EXITED' | 'PROCESS_OUT_OF_MEMORY' | 'THREAD_STOPPED'
  >;
  override readonly retryable: boolean;
  readonly #stack: string | undefined;

  /** @param stack - Of the error that the process ended with. */
  constructor(code: ProcessLostError['code'], message: string, stack?: string) {
    super(message);
    this.code = code;
    this.retryable = code !== 'THREAD_STOPPED';
    this.#stack = stack;
  }

  override toWire(): WireError {
    return { ...super.toWire(), ...(this.#stack !== undefined && { stack: this.#stack }) };
  }
}
