/** Characters of a text from outside that a message shows, where nothing else is said. */
export const SHOWN_CHARS_MAX = 80;

/** Returns a text that is at most this long: of a longer one the beginning, and a sign that it goes on. */
export function cutText(text: string, charsMax: number = SHOWN_CHARS_MAX): string {
  if (text.length <= charsMax) return text;
  const end = charsMax - 1;
  // Half a character outside of the basic plane would be shown as a replacement sign.
  const isHalf = /[\uD800-\uDBFF]/.test(text[end - 1] ?? '');
  return `${text.slice(0, isHalf ? end - 1 : end)}…`;
}

/** The same in quotes, with the length of what was cut. */
export function quoted(text: string): string {
  const shown = `"${cutText(text)}"`;
  return text.length <= SHOWN_CHARS_MAX ? shown : `${shown} (${text.length} characters)`;
}

/** Returns texts in one line: of many the first ones, and how many more there are. */
export function cutList(texts: readonly string[], shownMax = 20): string {
  const more = texts.length - shownMax;
  return texts.slice(0, shownMax).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

/**
 * Says what a value is, for "expected …, found …". Numbers are shown; a text is not, since it may be a
 * credential.
 */
export function describeValue(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  const type = typeof value;
  if (type === 'number' || type === 'boolean') return String(value);
  if (type === 'string') return value === '' ? 'an empty text' : 'a text';
  return type === 'object' ? 'a mapping' : `a ${type}`;
}
