import { readEpochMillis, readSubMillis } from '../../columns/int64.js';

/** Formats an instant for messages: `2024-01-31T23:59:00.5Z`, with as many decimals as it needs. */
export function instantText(epochMs: number, subNanos = 0): string {
  const [toSecond, millis] = new Date(epochMs).toISOString().slice(0, -1).split('.');
  const fraction = `${millis}${String(subNanos).padStart(6, '0')}`.replace(/0+$/, '');
  return `${toSecond}${fraction === '' ? '' : `.${fraction}`}Z`;
}

/** Formats the time of a row in a timestamp column. */
export const timeText = (words: Int32Array, row: number): string =>
  instantText(readEpochMillis(words, row), readSubMillis(words, row));
