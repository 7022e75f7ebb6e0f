import { type Clock, sleep } from '../../core/clock.js';
import { ProviderError } from '../../core/provider-error.js';
import { millis } from '../../core/units.js';
import type { Session } from './kept-connection.js';

interface Bound {
  readonly provider: string;
  readonly clock: Clock;
  readonly msMax: number;
}

/**
 * Lets a session do what comes before its subscriptions, such as a login.
 *
 * @param signal - That of the connection.
 * @throws {ProviderError} `unavailable`, if that does not end in time.
 */
export async function openedInTime(
  session: Session,
  signal: AbortSignal,
  { provider, clock, msMax }: Bound,
): Promise<void> {
  const opening = session.opened?.();
  if (opening === undefined) return;
  const over = new AbortController();
  const end = () => over.abort();
  signal.addEventListener('abort', end, { once: true });
  if (signal.aborted) end();
  const late = sleep(clock, millis(msMax), over.signal).then(() => {
    if (over.signal.aborted) return;
    throw new ProviderError(
      'unavailable',
      `Provider "${provider}" was not ready for subscriptions within ${msMax} ms`,
    );
  });
  try {
    await Promise.race([opening, late]);
  } finally {
    signal.removeEventListener('abort', end);
    end();
  }
}
