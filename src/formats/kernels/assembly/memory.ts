/**
 * Where everything is in the memory of the kernels. Addresses are fixed: nothing is ever allocated, so that
 * views of the memory stay valid, and the code that calls the kernels reads these constants from the module.
 */

/** Most rows of one stretch. */
export const ROWS_MAX: i32 = 8_192;
/** Most bytes that are looked at in one call. */
export const BLOCK_BYTES: i32 = 65_536;
/** Most separators that one call notes. */
export const SEPARATORS_MAX: i32 = 32_768;

/** Constants of vectors: V8 makes a `v128.const` anew in each turn of a loop, a load is kept in a register. */
export const VECTORS: usize = 1_024;
/** Masks of the last `n` of 16 bytes, for 0 to 31; all 16 from 16 on. */
export const TAILS: usize = VECTORS + 256;
/** Masks of the first `n` of 16 bytes, for 0 to 16. */
export const HEADS: usize = TAILS + 32 * 16;
/** Shuffles that remove byte `n` of 16 and move those before it up; none for 16. */
export const WITHOUT: usize = HEADS + 17 * 16;
/** Powers of ten as doubles, up to 22: the exact ones. */
export const TENS: usize = WITHOUT + 17 * 16;
/** Two tables of 17 values that depend on the call. */
export const FACTORS: usize = TENS + 24 * 8;
export const LIMITS: usize = FACTORS + 17 * 8 + 8;
/** Numbers of 64 bits that the caller passes. */
export const PARAMETERS: usize = LIMITS + 17 * 8 + 8;

/** The bytes, with room on both sides so that a vector may begin before them and end after them. */
export const INPUT: usize = 8_192;
/** Addresses of all separators, after the one before the first. */
export const SEPARATORS: usize = INPUT + BLOCK_BYTES + 128;
/** For each line end, its place among the separators. */
export const LINES: usize = SEPARATORS + (SEPARATORS_MAX + 16) * 4;
/** Where each row begins. */
export const STARTS: usize = LINES + (ROWS_MAX + 64) * 4;
/** Start and end of one field of each row. */
export const BOUNDS: usize = STARTS + ROWS_MAX * 4;
/** Values of one column. */
export const VALUES: usize = BOUNDS + (ROWS_MAX + 2) * 8;
/** Rows that a kernel does not understand. */
export const UNREAD: usize = VALUES + (ROWS_MAX + 2) * 8;
/** Texts and their numbers; no slot is in two lines of the cache. */
export const TEXTS: usize = (UNREAD + (ROWS_MAX + 2) * 4 + 63) & ~63;
export const TEXTS_SLOTS: i32 = 8_192;
export const TEXT_BYTES: i32 = 32;
export const MEMORY_END: usize = TEXTS + TEXTS_SLOTS * TEXT_BYTES;
