import { type ErrorCode, RuntimeError, type WireError, wireStack } from '../core/errors.js';

/** A thread ended before its task reported. `cause` is the error that ended it, if known. */
export class ThreadLostError extends RuntimeError {
  override readonly name = 'ThreadLostError';
  override readonly code: Extract<
    ErrorCode,
    'THREAD_NOT_STARTED' | 'THREAD_CRASHED' | 'THREAD_EXITED' | 'THREAD_OUT_OF_MEMORY' | 'THREAD_STOPPED'
  >;
  override readonly retryable: boolean;

  constructor(code: ThreadLostError['code'], message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
    this.retryable = code !== 'THREAD_STOPPED';
  }

  /** Includes the stack of the error that was thrown in the thread. */
  override toWire(): WireError {
    const stack = this.cause instanceof Error ? wireStack(this.cause) : undefined;
    return { ...super.toWire(), ...(stack !== undefined && { stack }) };
  }
}
