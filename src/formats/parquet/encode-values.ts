import { asBigInt64Array } from '../../columns/int64.js';
import { bitWidth, packFlags, writeHybrid, writeLevels } from './bit-packing.js';
import type { ColumnFacts, EncodePages } from './column-buffer.js';
import { writeDeltaInt32, writeDeltaInt64 } from './delta-packing.js';
import { encodeDictionary } from './double-dictionary.js';
import { ENCODING } from './metadata.js';
import { PAGE_ROWS, type PageWriter } from './page-writer.js';

/** Encodes timestamps and int64 as differences, or in plain encoding if the differences are too large. */
export const encodeInt64: EncodePages<Int32Array> = (words, rows, pages) => {
  const { min, max } = extremesOf(words, rows);
  for (let start = 0; start < rows; start += PAGE_ROWS) {
    const end = Math.min(rows, start + PAGE_ROWS);
    pages.body.clear();
    if (writeDeltaInt64(pages.body, words, start, end)) {
      pages.dataPage(end - start, 0, ENCODING.deltaBinaryPacked, pages.body.view(), true);
    } else {
      pages.dataPage(end - start, 0, ENCODING.plain, bytesOf(words, 2 * start, 2 * end));
    }
  }
  const values = asBigInt64Array(words);
  return {
    nulls: 0,
    min: bytesOf(BigInt64Array.of(values[min]!)),
    max: bytesOf(BigInt64Array.of(values[max]!)),
  };
};

export const encodeInt32: EncodePages<Int32Array> = (values, rows, pages) => {
  let min = values[0]!;
  let max = min;
  for (let row = 1; row < rows; row++) {
    const value = values[row]!;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  for (let start = 0; start < rows; start += PAGE_ROWS) {
    const end = Math.min(rows, start + PAGE_ROWS);
    pages.body.clear();
    if (writeDeltaInt32(pages.body, values, start, end)) {
      pages.dataPage(end - start, 0, ENCODING.deltaBinaryPacked, pages.body.view(), true);
    } else {
      pages.dataPage(end - start, 0, ENCODING.plain, bytesOf(values, start, end));
    }
  }
  return { nulls: 0, min: bytesOf(Int32Array.of(min)), max: bytesOf(Int32Array.of(max)) };
};

export const encodeBooleans: EncodePages<Uint8Array> = (flags, rows, pages) => {
  for (let start = 0; start < rows; start += PAGE_ROWS) {
    const end = Math.min(rows, start + PAGE_ROWS);
    pages.body.clear();
    packFlags(pages.body, flags, start, end);
    pages.dataPage(end - start, 0, ENCODING.plain, pages.body.view());
  }
  return { nulls: 0 };
};

/** Encodes a column of doubles without nulls; NaN is an ordinary value. */
export const encodeDoubles: EncodePages<Float64Array> = (values, rows, pages, scratch) => {
  const dictionary = encodeDictionary(values, rows, scratch.codes);
  if (dictionary) {
    pages.dictionaryPage(dictionary.length, bytesOf(dictionary));
    writeCodePages(scratch.codes, rows, dictionary.length, scratch.present, 0, pages, false);
    return { nulls: 0, ...boundsOf(dictionary, dictionary.length) };
  }
  for (let start = 0; start < rows; start += PAGE_ROWS) {
    const end = Math.min(rows, start + PAGE_ROWS);
    pages.dataPage(end - start, 0, ENCODING.plain, bytesOf(values, start, end));
  }
  return { nulls: 0, ...boundsOf(values, rows) };
};

/** Encodes a nullable column of doubles, in which NaN is null. */
export const encodeNullableDoubles: EncodePages<Float64Array> = (values, rows, pages, scratch) => {
  const { present, doubles, codes } = scratch;
  let count = 0;
  for (let row = 0; row < rows; row++) {
    const value = values[row]!;
    const isThere = Number.isNaN(value) ? 0 : 1;
    present[row] = isThere;
    doubles[count] = value;
    count += isThere;
  }
  const nulls = rows - count;
  const dictionary = count > 0 ? encodeDictionary(doubles, count, codes) : undefined;
  if (dictionary) {
    pages.dictionaryPage(dictionary.length, bytesOf(dictionary));
    writeCodePages(codes, rows, dictionary.length, present, nulls, pages, true);
  } else {
    let from = 0;
    for (let start = 0; start < rows; start += PAGE_ROWS) {
      const end = Math.min(rows, start + PAGE_ROWS);
      const there = nulls === 0 ? end - start : countSet(present, start, end);
      writeLevels(pages.levels, present.subarray(start, end), end - start, end - start - there);
      const body = bytesOf(doubles, from, from + there);
      pages.dataPage(end - start, end - start - there, ENCODING.plain, body);
      from += there;
    }
  }
  return { nulls, ...(count > 0 && boundsOf(doubles, count)) };
};

/**
 * Writes data pages of dictionary codes, after the dictionary page.
 *
 * @param codes - The codes of the rows that are not null, without gaps.
 * @param size - Number of values in the dictionary.
 * @param nulls - Number of rows that are null.
 * @param isOptional - Whether the column is nullable, and so has levels.
 */
export function writeCodePages(
  codes: Int32Array | Uint8Array,
  rows: number,
  size: number,
  present: Uint8Array,
  nulls: number,
  pages: PageWriter,
  isOptional: boolean,
): void {
  const width = bitWidth(size);
  let from = 0;
  for (let start = 0; start < rows; start += PAGE_ROWS) {
    const end = Math.min(rows, start + PAGE_ROWS);
    const there = nulls === 0 ? end - start : countSet(present, start, end);
    if (isOptional) writeLevels(pages.levels, present.subarray(start, end), end - start, end - start - there);
    pages.body.clear();
    pages.body.byte(width);
    if (there > 0) writeHybrid(pages.body, codes, from, from + there, width);
    pages.dataPage(end - start, end - start - there, ENCODING.rleDictionary, pages.body.view());
    from += there;
  }
}

/** Finds the rows of the least and the greatest 64-bit integer. */
function extremesOf(words: Int32Array, rows: number): { readonly min: number; readonly max: number } {
  let min = 0;
  let max = 0;
  let minHigh = words[1]!;
  let minLow = words[0]! >>> 0;
  let maxHigh = minHigh;
  let maxLow = minLow;
  for (let row = 1; row < rows; row++) {
    const high = words[2 * row + 1]!;
    const low = words[2 * row]! >>> 0;
    if (high > maxHigh || (high === maxHigh && low > maxLow)) {
      max = row;
      maxHigh = high;
      maxLow = low;
    } else if (high < minHigh || (high === minHigh && low < minLow)) {
      min = row;
      minHigh = high;
      minLow = low;
    }
  }
  return { min, max };
}

/** Computes the bounds of doubles. With a NaN there are none, since readers order NaN differently. */
function boundsOf(values: Float64Array, count: number): Omit<ColumnFacts, 'nulls'> {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  let sum = 0;
  for (let i = 0; i < count; i++) {
    const value = values[i]!;
    if (value < min) min = value;
    if (value > max) max = value;
    sum += value - value; // becomes NaN if there is a NaN or an infinity
  }
  if (sum !== 0 && hasNaN(values, count)) return {};
  // As the format requires, so that zeros of either sign are within the bounds.
  return {
    min: bytesOf(Float64Array.of(min === 0 ? -0 : min)),
    max: bytesOf(Float64Array.of(max === 0 ? 0 : max)),
  };
}

function hasNaN(values: Float64Array, count: number): boolean {
  for (let i = 0; i < count; i++) if (Number.isNaN(values[i])) return true;
  return false;
}

function countSet(flags: Uint8Array, start: number, end: number): number {
  let count = 0;
  for (let i = start; i < end; i++) count += flags[i]!;
  return count;
}

function bytesOf(
  values: Float64Array | Int32Array | BigInt64Array,
  start = 0,
  end = values.length,
): Uint8Array {
  const width = values.BYTES_PER_ELEMENT;
  return new Uint8Array(values.buffer, values.byteOffset + start * width, (end - start) * width);
}
