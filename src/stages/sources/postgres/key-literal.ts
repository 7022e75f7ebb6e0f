import { quoteText } from '../../../databases/postgres/identifiers.js';
import type { KeyType } from './row-key.js';

const INT64_MAX = String(2n ** 63n - 1n);
const INT64_MIN = String(-(2n ** 63n));
const INT32_MAX = String(2 ** 31 - 1);
const INT32_MIN = String(-(2 ** 31));

const WHOLE = /^-?\d{1,19}$/;
const UUID = /^[0-9a-f]{32}$/;

/** Whether a text of a position can be a value of a type: only then is it made into SQL. */
export function isKeyText(text: unknown, type: KeyType): text is string {
  if (typeof text !== 'string') return false;
  if (type === 'text') return !text.includes('\0');
  return (type === 'uuid' ? UUID : WHOLE).test(text);
}

/** A value of the key as SQL. @param text - One for which `isKeyText` holds. */
export function keyLiteral(text: string, type: KeyType): string {
  switch (type) {
    case 'timestamp':
    case 'timestamptz':
      return instantLiteral(text, type);
    case 'date':
      if (text === INT32_MAX) return `date 'infinity'`;
      return text === INT32_MIN ? `date '-infinity'` : `(date '2000-01-01' + (${text}))`;
    case 'text':
      return `${quoteText(text)}::text`;
    case 'uuid':
      return `'${text}'::uuid`;
    default:
      return `'${text}'::${type}`;
  }
}

/** @param micros - Since 2000-01-01 in UTC: exact, and independent of the time zone of the session. */
function instantLiteral(micros: string, type: 'timestamp' | 'timestamptz'): string {
  if (micros === INT64_MAX) return `${type} 'infinity'`;
  if (micros === INT64_MIN) return `${type} '-infinity'`;
  return `(${type} '2000-01-01 00:00:00${type === 'timestamptz' ? '+00' : ''}' + interval '${micros} microseconds')`;
}

/** Microseconds since 2000 of a time with its zone. @param text - ISO 8601, with at most six decimals. */
export function microsOf(text: string): string {
  const fraction = /\.(\d+)/.exec(text)?.[1] ?? '';
  const ms = BigInt(Date.parse(text.replace(/\.\d+/, '')));
  return String((ms - 946_684_800_000n) * 1_000n + BigInt(fraction.padEnd(6, '0').slice(0, 6)));
}
