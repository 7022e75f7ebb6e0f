import type { BREAKER_PROTOCOL } from '../../shared-memory/breaker-memory.js';

export const BREAKER_KIND = 'tickloom.breaker';

/** A breaker as plain data, to be posted to another thread and opened there. Its options are in the memory. */
export interface BreakerHandle {
  readonly kind: typeof BREAKER_KIND;
  readonly protocol: typeof BREAKER_PROTOCOL;
  readonly name: string;
  readonly memory: SharedArrayBuffer;
}
