import { InvalidOptionsError } from './errors.js';
import { hide } from './redact.js';
import { describeValue } from './shown-text.js';

/** Shorter texts occur in ordinary words, and are easily guessed. */
export const SECRET_LENGTH_MIN = 4;

/**
 * Keeps texts out of the logs, reports and errors of this thread, wherever they come from. For example, a source
 * of your own calls it with the key from its options. Secrets of a runtime also hold in the threads of its jobs.
 *
 * @returns A function that shows them again.
 * @throws {InvalidOptionsError} for anything but texts of 4 characters or more; nothing is hidden then.
 */
export function hideSecrets(secrets: readonly string[]): () => void {
  if (!Array.isArray(secrets)) {
    throw new InvalidOptionsError('secrets', [`expected a list of texts, found ${describeValue(secrets)}`]);
  }
  const problems = (secrets as readonly string[]).flatMap((secret, i) =>
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
