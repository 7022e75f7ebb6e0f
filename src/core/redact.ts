/**
 * Takes credentials out of what people will read: logs, reports, errors. Two ways to know them: texts
 * that were registered (`hide`), and what stands behind a name such as `Authorization` or `apiKey`.
 * A way out of the process that takes foreign text must pass here.
 */

import type { PlainData } from './plain-data.js';
import { cutText } from './shown-text.js';
import { unlessThrows } from './unless-throws.js';

const HIDDEN = '[redacted]';

/** Names of fields, headers and parameters whose value is a credential; others may stand before them. */
const NAME =
  '(?:api[-_]?key|access[-_]?key|private[-_]?key|listen[-_]?key|subscription[-_]?key|consumer[-_]?key|secret|token|passw(?:or)?d|passphrase|signature|credentials?|jwt|session[-_]?id)(?:[-_]?(?:access[-_]?)?key)?';
const HEADER = '(?:authorization|cookie)';
/** The end of a name, and what parts it from its value; in JSON within JSON, quotes have a backslash. */
const COLON = String.raw`\\*["']?[ \t]*:[ \t]*`;
const EQUALS = String.raw`\\*["']?[ \t]*=[ \t]*`;
const QUOTE = String.raw`\\*["'\x60]`;
const BARE_VALUE = String.raw`[^\s&"'<>,;)}\]]+`;
/** A word of prose, as in "token: expected". */
const WORD = String.raw`[a-z]+(?![\w~+/.=-])`;

const pattern = (source: string, flags = 'gi') => new RegExp(source, flags);
/** What was hidden before, in another thread say, stays as it is. */
const KEPT = String.raw`(?!\[redacted\])`;

/** Each keeps its first group and hides the rest. */
const PATTERNS: readonly RegExp[] = [
  // scheme://user:password@host, and a token in place of both
  pattern(String.raw`(\b[a-z][a-z0-9+.-]{0,20}://)${KEPT}[^\s/@"']+(?=@)`),
  // "apiKey": "…"; also cut off before the quote that ends it
  pattern(
    String.raw`((?:${NAME}|${HEADER})(?:${COLON}|${EQUALS})(?<quote>${QUOTE}))${KEPT}(?:(?!\k<quote>)(?:\\.|[^\\]))+`,
  ),
  // Authorization: … to the end of the line, since some schemes have commas in them
  pattern(String.raw`(${HEADER}(?:${COLON}|${EQUALS}))${KEPT}(?!\\*["'\x60])[^\s"'}][^\r\n"'}]*`),
  pattern(String.raw`(${NAME}${EQUALS})${KEPT}(?!\\*["'\x60])${BARE_VALUE}`),
  pattern(String.raw`(${NAME}${COLON})(?!${WORD}|\\*["'\x60\[{])${BARE_VALUE}`),
  // ?key=…: too common a word elsewhere
  pattern(String.raw`([?&](?:key|sig|auth|pass|hmac)=)${KEPT}[^&#\s"'<>]+`),
  // A scheme without its header. Case counts: "Basic authentication" is none.
  pattern(String.raw`(\b(?:[Bb]earer|BEARER|[Bb]asic|BASIC)\s+)(?![a-z]+(?![\w~+/.=-]))[\w~+/.=-]{6,}`, 'g'),
];

/** Registered texts, and how often each is. */
const secrets = new Map<string, number>();
/** One may hold another, of which a rest would be left. Sorted when it is needed, not once for each secret. */
let longestFirst: readonly string[] | undefined = [];

/** Hides a text from now on, in this thread. @returns Ends that. */
export function hide(secret: string): () => void {
  const forms = new Set([secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)]);
  count(forms, 1);
  let isHidden = true;
  return () => {
    if (isHidden) count(forms, -1);
    isHidden = false;
  };
}

function count(forms: Iterable<string>, by: 1 | -1): void {
  for (const form of forms) {
    const times = (secrets.get(form) ?? 0) + by;
    if (times > 0) secrets.set(form, times);
    else secrets.delete(form);
  }
  longestFirst = undefined;
}

/** The text without credentials. */
export function redact(text: string): string {
  let clean = text;
  longestFirst ??= [...secrets.keys()].sort((a, b) => b.length - a.length);
  for (const secret of longestFirst) clean = clean.replaceAll(secret, HIDDEN);
  for (const of of PATTERNS) clean = clean.replace(of, `$1${HIDDEN}`);
  return clean;
}

/** As much of a text of somebody else's as is looked at. */
const FOREIGN_CHARS_MAX = 20_000;

/** In place of what throws as it is read. */
export const UNREADABLE = '[unreadable]';

/**
 * The beginning of a foreign text without credentials: cut off after they are hidden, so that no part of one is left.
 *
 * @param text - The message of an error may be anything.
 */
export function redactedBeginning(text: unknown, charsMax: number): string {
  const whole = typeof text === 'string' ? text : unlessThrows(() => String(text), UNREADABLE);
  return cutText(redact(whole.slice(0, FOREIGN_CHARS_MAX)), charsMax);
}

/** Characters of a text in a log line that are kept. */
export const LOG_CHARS_MAX = 8_192;

const CREDENTIAL_FIELD = pattern(`${NAME}|${HEADER}|^auth$`, 'i');
const DEPTH_MAX = 8;

/**
 * The fields of a log line without credentials: a copy, with errors as `redactError` has them. What JSON
 * shows of an object is what is looked through; binary data, maps and such stay as they are. Long texts are
 * cut.
 */
export function redactFields<T>(value: T, depth?: number): T;
export function redactFields(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return redactedBeginning(value, LOG_CHARS_MAX);
  if (typeof value !== 'object' || value === null || isOpaque(value)) return value;
  if (value instanceof Error) return redactError(value, depth);
  if (depth >= DEPTH_MAX) return '[…]'; // deeper than anybody reads, or round
  try {
    if (Array.isArray(value)) return value.map((item) => redactFields(item, depth + 1));
    if ('toJSON' in value && typeof value.toJSON === 'function')
      return redactFields(value.toJSON(), depth + 1);
    return Object.fromEntries(
      Object.entries(value).map(([name, of]) => [
        name,
        CREDENTIAL_FIELD.test(name) && isText(of) ? HIDDEN : redactFields(of, depth + 1),
      ]),
    );
  } catch {
    return UNREADABLE; // a getter threw
  }
}

/**
 * Plain data without credentials: a copy in which all that stands under a name of one is hidden, whatever it is, and
 * every text is redacted on its own.
 */
export function redactData(value: PlainData): PlainData {
  if (typeof value === 'string') return redact(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(redactData);
  const fields = Object.entries(value).map(([name, of]): [string, PlainData] => [
    redact(name),
    CREDENTIAL_FIELD.test(name) && of !== null ? HIDDEN : redactData(of),
  ]);
  return Object.fromEntries(fields);
}

const isOpaque = (value: object): boolean =>
  value instanceof Date ||
  value instanceof Map ||
  value instanceof Set ||
  value instanceof ArrayBuffer ||
  value instanceof SharedArrayBuffer ||
  ArrayBuffer.isView(value);

/** A number or a flag by such a name is a count: `tokens: 5`. */
const isText = (value: unknown): boolean => typeof value === 'string' || typeof value === 'object';

const CAUSES_MAX = 8;

/**
 * A copy of an error for logs, and as the cause of another: name, message, code, stack and causes
 * without credentials, and none of what a client hangs on its errors (request, headers, settings).
 * Throws nothing, whatever the error is.
 */
export function redactError(error: unknown, depth = 0): unknown {
  return unlessThrows(() => {
    if (!(error instanceof Error)) return redactFields(error);
    return redactedCopy(error, depth);
  }, UNREADABLE);
}

function redactedCopy(error: Error, depth: number): Error {
  const { name, message, stack, cause } = error;
  const { code } = error as { code?: unknown };
  const inner = cause === undefined || depth >= CAUSES_MAX ? undefined : redactError(cause, depth + 1);
  const copy = new Error(
    redactedBeginning(message, LOG_CHARS_MAX),
    inner === undefined ? undefined : { cause: inner },
  );
  Object.defineProperty(copy, 'name', { value: String(name), configurable: true, writable: true });
  if (stack !== undefined) copy.stack = redactedBeginning(stack, LOG_CHARS_MAX);
  return typeof code === 'string' ? Object.assign(copy, { code }) : copy;
}
