import { COUNTERS, type Counters } from './counters.js';
import type { HeldPlace, ThreadWatch } from './thread-watch.js';

/** Counters and watch at one instant, as plain data. */
export interface MemoryCopy {
  /** On the clock of the process. */
  readonly nowNs: bigint;
  /** In the order of `COUNTERS`. */
  readonly cells: readonly number[];
  readonly place: number;
  readonly held?: HeldPlace | undefined;
}

/** Copies what a process says of itself, so that another process can read it. */
export function mirrorOf(counters: Counters, watch: ThreadWatch): MemoryCopy {
  const values = counters.read();
  const { place, held } = watch;
  return {
    nowNs: process.hrtime.bigint(),
    cells: COUNTERS.map((name) => values[name]),
    place,
    ...(held && { held }),
  };
}
