/**
 * Where everything is in the memory of the kernel. Addresses are fixed, and the code that calls the kernel reads
 * them from the module.
 */

/** How far back a match reaches. */
export const HISTORY_BYTES: i32 = 32_768;
/** Most bytes of one call, less what the last match of it adds. */
export const OUTPUT_BYTES: i32 = 262_144;
/** Most packed bytes that are held. */
export const INPUT_BYTES: i32 = 131_072;

/** Bits that the tables are looked up with first; longer codes go on in tables after them. */
export const SYMBOL_BITS: i32 = 11;
export const DISTANCE_BITS: i32 = 8;

/** Lengths of the codes of a block. The compiler puts constant data before them. */
export const LENGTHS: usize = 4_096;
/** Symbols in the order of their codes. */
export const SORTED: usize = LENGTHS + 512;
/** For each length, codes that have it; and where the symbols of it begin. */
export const COUNTS: usize = SORTED + 320 * 2;
export const OFFSETS: usize = COUNTS + 16 * 4;
/** Tables of entries of 32 bits: literals and lengths, distances, lengths of codes. */
export const SYMBOLS: usize = OFFSETS + 16 * 4;
export const DISTANCES: usize = SYMBOLS + 2_400 * 4;
export const CODE_LENGTHS: usize = DISTANCES + 512 * 4;
/** Packed bytes, and room for zeros after the last ones. */
export const INPUT: usize = CODE_LENGTHS + 128 * 4;
/** The last bytes of the calls before, then the bytes of this one, and room for a match and a vector. */
export const HISTORY: usize = INPUT + INPUT_BYTES + 64;
export const OUTPUT: usize = HISTORY + HISTORY_BYTES;
export const MEMORY_END: usize = OUTPUT + OUTPUT_BYTES + 258 + 64;
