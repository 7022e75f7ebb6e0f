import { InvalidOptionsError } from './errors.js';
import { hide } from './redact.js';

/** Shorter texts are in ordinary words, and hide nothing from anybody who guesses. */
export const SECRET_LENGTH_MIN = 4;

/**
 * Keeps texts out of logs, reports and errors of this thread, wherever they come from: for a source or
 * an operator of one's own, as it takes a key from its options. The secrets of a runtime hold in its
 * jobs' threads, too.
 *
 * @returns Ends that.
 * @throws {InvalidOptionsError} for what is no text of 4 characters or more; none is hidden then.
 */
export function hideSecrets(secrets: readonly string[]): () => void {
  const problems = secrets.flatMap((secret, i) =>
    typeof secret === 'string' && secret.length >= SECRET_LENGTH_MIN
      ? []
      : [`[${i}]: expected a text of ${SECRET_LENGTH_MIN} characters or more`],
  );
  if (problems.length > 0) throw new InvalidOptionsError('secrets', problems);
  const ends = secrets.map(hide);
  return () => {
    for (const end of ends) end();
  };
}
