import { cutText } from '../../core/shown-text.js';
import {
  NUMERIC_HEADER_BYTES,
  SIGN_INFINITY,
  SIGN_MINUS_INFINITY,
  SIGN_NAN,
  SIGN_NEGATIVE,
} from './numeric-digits.js';

/** Decimal numbers of up to 15 digits are different doubles. */
const WHOLE_MAX = 1e15;
/** Powers of ten up to here are exact. */
const POWER_MAX = 22;

/** What `readNumeric` has read. Reused. */
interface NumericRead {
  value: number;
  /** Whether it is the shortest decimal number of its double, so that nothing is lost. */
  isExact: boolean;
}

const read: NumericRead = { value: 0, isExact: true };

/** Reads a `numeric` as a double. @returns An object that the next call changes. */
export function readNumeric(view: DataView, at: number): NumericRead {
  const count = view.getInt16(at);
  const sign = view.getUint16(at + 4);
  read.isExact = true;
  read.value = nonFinite(sign);
  if (read.value !== 0) return read;
  const exponent = 4 * (view.getInt16(at + 2) - count + 1);
  let whole = 0;
  for (let i = 0; i < count; i++) whole = whole * 10_000 + view.getInt16(at + NUMERIC_HEADER_BYTES + 2 * i);
  if (whole > WHOLE_MAX || exponent > POWER_MAX || exponent < -POWER_MAX) return readLong(view, at);
  const size = exponent < 0 ? whole / 10 ** -exponent : whole * 10 ** exponent;
  read.value = sign === SIGN_NEGATIVE && size !== 0 ? -size : size;
  return read;
}

function readLong(view: DataView, at: number): NumericRead {
  const text = numericText(view, at);
  read.value = Number(text);
  read.isExact = Number.isFinite(read.value) && normalized(text) === normalized(String(read.value));
  return read;
}

/** 0 for a finite number. */
function nonFinite(sign: number): number {
  if (sign === SIGN_NAN) return Number.NaN;
  if (sign === SIGN_INFINITY) return Number.POSITIVE_INFINITY;
  return sign === SIGN_MINUS_INFINITY ? Number.NEGATIVE_INFINITY : 0;
}

/** The digits of a finite number with an exponent behind them. */
function numericText(view: DataView, at: number): string {
  const count = view.getInt16(at);
  let digits = view.getUint16(at + 4) === SIGN_NEGATIVE ? '-' : '';
  for (let i = 0; i < count; i++)
    digits += String(view.getInt16(at + NUMERIC_HEADER_BYTES + 2 * i)).padStart(4, '0');
  return `${digits}${count === 0 ? '0' : ''}e${4 * (view.getInt16(at + 2) - count + 1)}`;
}

/** Sign, digits without zeros at either end, and the exponent of the last one. */
function normalized(text: string): string {
  const [mantissa = '', power = '0'] = text.split('e');
  const isNegative = mantissa.startsWith('-');
  const [whole = '', fraction = ''] = mantissa.replace('-', '').split('.');
  const all = `${whole}${fraction}`.replace(/^0+/, '');
  const digits = all.replace(/0+$/, '');
  if (digits === '') return '0';
  return `${isNegative ? '-' : ''}${digits}e${Number(power) - fraction.length + all.length - digits.length}`;
}

/** The same for people. */
export const shownNumeric = (view: DataView, at: number): string =>
  cutText(normalized(numericText(view, at)));
