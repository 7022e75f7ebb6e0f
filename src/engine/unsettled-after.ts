import { type Clock, sleep } from '../core/clock.js';
import { millis } from '../core/units.js';

/** How long what is in progress may continue after the run has ended. */
export const END_GRACE_MS = 5_000;

/**
 * Waits until all that is in progress has settled, but no longer than `END_GRACE_MS`.
 *
 * @param inProgress - By whose it is; none may reject.
 * @returns What has not settled by then.
 */
export async function unsettledAfterGrace<Whose>(
  clock: Clock,
  inProgress: ReadonlyMap<Whose, Promise<void>>,
): Promise<ReadonlyMap<Whose, Promise<void>>> {
  const unsettled = new Map<Whose, Promise<void>>(inProgress);
  const waiting = new AbortController();
  const all = Promise.all(
    [...inProgress].map(async ([whose, settling]) => {
      await settling;
      unsettled.delete(whose);
    }),
  ).then(() => waiting.abort());
  await Promise.race([all, sleep(clock, millis(END_GRACE_MS), waiting.signal)]);
  return unsettled;
}
