/**
 * Kernels that encode columns of Parquet, in AssemblyScript: docs/decisions/0041. `node .ci/kernels.mjs` builds them
 * into `src/formats/parquet/kernels/kernel-bytes.ts`.
 */
export { BLOCK_VALUES, CODES, DICTIONARY_MAX, KNOWN, MEMORY_END, PACKED, VALUES } from './memory';
export { packCodes } from './bit-packing';
export { packDeltas } from './deltas';
export { beginDictionary, encodeValues } from './dictionary';
