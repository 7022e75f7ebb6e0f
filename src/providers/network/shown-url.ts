import { ProviderError } from '../../core/provider-error.js';
import { redact } from '../../core/redact.js';
import { describeValue } from '../../core/shown-text.js';

/** A part of a path that looks like a key: 20 letters and digits or more, both of them; 32 with dashes; 40 of any. */
const KEY_IN_PATH =
  /^(?:(?=.*\d)(?=.*[A-Za-z])[A-Za-z0-9]{20,}|(?=.*\d)(?=.*[A-Za-z])[\w~.+=-]{32,}|[\w~.+=-]{40,})$/;

/**
 * A URL as messages and captures have it: without user, query and fragment, which is where keys are; in the path,
 * what is known to be secret and what looks like a key, such as a listen key, is hidden.
 */
export function shownUrl({ protocol, host, pathname }: URL): string {
  const path = pathname.split('/').map((part) => (KEY_IN_PATH.test(part) ? '[redacted]' : part));
  return redact(`${protocol}//${host}${path.join('/')}`);
}

/**
 * @param protocols - Those that are meant, such as `https:`.
 * @throws {ProviderError} `invalid-request` for anything else. The text is not in the message: it may hold a key.
 */
export function urlOf(url: unknown, protocols: readonly string[], who: string): URL {
  const refuse = (found: string) =>
    new ProviderError(
      'invalid-request',
      `${who}: expected a URL with ${protocols.join(' or ')}, found ${found}`,
    );
  if (typeof url !== 'string' && !(url instanceof URL)) throw refuse(describeValue(url));
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    throw refuse('a text that is none'); // the error of `URL` has the text
  }
  if (!protocols.includes(parsed.protocol)) throw refuse(`one with ${parsed.protocol}`);
  if (parsed.username !== '' || parsed.password !== '') {
    throw refuse('one with a user: give credentials as a header');
  }
  parsed.hash = ''; // which is never sent
  return parsed;
}
