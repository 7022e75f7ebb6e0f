import { type EncodeKernels, encodeKernels } from './kernels/encode-kernels.js';

/** With more distinct doubles than this in a row group, they are written in plain encoding. */
const VALUES_MAX = 8_192;
const SLOTS = 4 * VALUES_MAX;
const SHIFT = 32 - 15;

/** Memory of `encodeHere`, shared by all files of a thread; made at the first call. */
let shared: { readonly slots: Int32Array; readonly known: Float64Array } | undefined;

/**
 * Maps doubles to codes, numbered in order of appearance. Prices and sizes repeat, and codes of 12 bits
 * are both smaller and faster to write than compressed doubles. It compares bits, so that −0 and every
 * NaN keep theirs.
 *
 * @param codes - Receives one code for each value.
 * @returns The distinct values in order of their codes, valid until the next call by any file of the thread. If
 *   there are too many, `undefined`; then the codes are garbage.
 */
export function encodeDictionary(
  values: Float64Array,
  count: number,
  codes: Int32Array,
): Float64Array | undefined {
  const kernels = encodeKernels();
  return kernels ? encodeBy(kernels, values, count, codes) : encodeHere(values, count, codes);
}

function encodeBy(
  { call, valuesMax, values: given, codes: found, known }: EncodeKernels,
  values: Float64Array,
  count: number,
  codes: Int32Array,
): Float64Array | undefined {
  call.beginDictionary();
  let size = 0;
  for (let start = 0; start < count; start += valuesMax) {
    const end = Math.min(count, start + valuesMax);
    given.set(values.subarray(start, end));
    size = call.encodeValues(end - start);
    if (size < 0) return undefined;
    codes.set(end - start === valuesMax ? found : found.subarray(0, end - start), start);
  }
  return known.subarray(0, size);
}

function encodeHere(values: Float64Array, count: number, codes: Int32Array): Float64Array | undefined {
  shared ??= { slots: new Int32Array(SLOTS), known: new Float64Array(VALUES_MAX) };
  const slots = shared.slots.fill(-1);
  const known = new Int32Array(shared.known.buffer);
  const words = new Int32Array(values.buffer, values.byteOffset, 2 * count);
  let size = 0;
  for (let i = 0; i < count; i++) {
    const low = words[2 * i]!;
    const high = words[2 * i + 1]!;
    let slot = Math.imul(low ^ Math.imul(high, 0x85eb_ca6b), 0x9e37_79b1) >>> SHIFT;
    let code = slots[slot]!;
    while (code >= 0 && (known[2 * code] !== low || known[2 * code + 1] !== high)) {
      slot = (slot + 1) & (SLOTS - 1);
      code = slots[slot]!;
    }
    if (code < 0) {
      if (size === VALUES_MAX) return undefined;
      code = size++;
      slots[slot] = code;
      known[2 * code] = low;
      known[2 * code + 1] = high;
    }
    codes[i] = code;
  }
  return shared.known.subarray(0, size);
}
