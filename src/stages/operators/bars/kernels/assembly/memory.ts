/**
 * Where everything is in the memory of the kernels. Addresses are fixed, and the code that calls the kernels reads
 * them from the module.
 */

/** Most rows of one call, unselected ones between them included. */
export const ROWS_MAX: i32 = 8_192;
/** Most slots of a window. */
export const SLOTS_MAX: i32 = 1_024;

/** Cells of a slot: a cache line. */
export const CELLS: usize = 1_024;
/** Cells with sums. */
export const EXTRAS: usize = CELLS + SLOTS_MAX * 64;
/** Places of slots that had no row before. */
export const TOUCHED: usize = EXTRAS + SLOTS_MAX * 64;
/** Places of the rows in the columns. */
export const SELECTION: usize = TOUCHED + SLOTS_MAX * 4;
export const SYMBOLS: usize = SELECTION + ROWS_MAX * 4;
export const KEYS: usize = SYMBOLS + ROWS_MAX * 4;
export const PRICES: usize = KEYS + ROWS_MAX * 8;
export const SIZES: usize = PRICES + ROWS_MAX * 8;
export const MEMORY_END: usize = SIZES + ROWS_MAX * 8;
