/**
 * Where everything is in the memory of the kernels. Addresses are fixed, and the code that calls the kernels reads
 * them from the module.
 */

/** Most values of one call. */
export const BLOCK_VALUES: i32 = 8_192;
/** Most values of a dictionary. */
export const DICTIONARY_MAX: i32 = 8_192;
/** More than one for each value of a full dictionary, or a search would not end. A power of two. */
export const SLOTS_COUNT: i32 = 16_384;

/** Values to encode, of 64 bits, after room for the one before them. */
export const VALUES: usize = 1_024;
/** A code of 32 bits for each. */
export const CODES: usize = VALUES + BLOCK_VALUES * 8;
/** What was packed: differences take up to 66 kB. */
export const PACKED: usize = CODES + BLOCK_VALUES * 4;
/** The values of the dictionary, after a place that is none's. */
export const KNOWN: usize = PACKED + (BLOCK_VALUES / 128) * (10 + 4 + 128 * 8) + 16;
/** For each slot of the dictionary 1 + a code, in 16 bits; 0 if it is free. */
export const SLOTS: usize = KNOWN + (DICTIONARY_MAX + 1) * 8;
export const MEMORY_END: usize = SLOTS + SLOTS_COUNT * 2;
