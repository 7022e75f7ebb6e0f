import { InvalidHandleError } from '../../core/invalid-handle-error.js';
import { RATE_PROTOCOL, RateMemory } from '../../shared-memory/rate-memory.js';
import { checkHandle } from '../../shared-memory/shared-handle.js';

const KIND = 'tickloom.rate';

/** Budgets as plain data: may be posted to any thread of the process and opened there. */
export interface RateHandle {
  readonly kind: typeof KIND;
  /** Of the layout of the memory: differs between versions of the package. */
  readonly protocol: typeof RATE_PROTOCOL;
  readonly memory: SharedArrayBuffer;
  /** Calls of one thread that may wait for permits. */
  readonly waitersMax: number;
}

export const handleOf = (memory: RateMemory, waitersMax: number): RateHandle => ({
  kind: KIND,
  protocol: RATE_PROTOCOL,
  memory: memory.buffer,
  waitersMax,
});

/** @throws {InvalidHandleError} `HANDLE_INVALID` if it is not a handle, or is from another version. */
export function memoryOf(handle: RateHandle): RateMemory {
  const memory = checkHandle(handle, { what: 'budgets', kind: KIND, protocol: RATE_PROTOCOL });
  const { waitersMax } = handle;
  if (!Number.isSafeInteger(waitersMax) || waitersMax < 1) {
    throw new InvalidHandleError('budgets', 'one without "waitersMax"');
  }
  return RateMemory.open(memory);
}
