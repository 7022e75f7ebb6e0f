import type { BREAKER_PROTOCOL } from '../../shared-memory/breaker-memory.js';
import type { BreakerSettings } from './breaker-options.js';

/** A breaker as plain data, to be posted to another thread and opened there. */
export interface BreakerHandle {
  readonly protocol: typeof BREAKER_PROTOCOL;
  readonly name: string;
  readonly memory: SharedArrayBuffer;
  readonly settings: BreakerSettings;
}
