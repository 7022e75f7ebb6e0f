import type { Nanos } from '../core/units.js';
import type { Counters, CounterValues } from './counters.js';

/** Between two heartbeats of a thread whose loop turns. */
export const BEAT_EVERY_MS = 200;

/**
 * Tells other threads that the event loop of this one turns, from now on.
 *
 * @param onBeat - Called with each beat.
 * @returns To be called once the thread is done with what the counters are of.
 */
export function startHeartbeat(counters: Counters, onBeat: () => void = () => {}): () => void {
  const beat = () => {
    counters.set('heartbeatNs', process.hrtime.bigint());
    onBeat();
  };
  beat();
  const timer = setInterval(beat, BEAT_EVERY_MS).unref();
  return () => clearInterval(timer);
}

/**
 * @param now - On the clock of the process.
 * @returns Ms since the last heartbeat; `undefined` if there was none.
 */
export function heartbeatAgeMs({ heartbeatNs }: CounterValues, now: Nanos): number | undefined {
  return heartbeatNs > 0 ? (Number(now) - heartbeatNs) / 1e6 : undefined;
}
