/**
 * A kernel that unpacks deflate, in AssemblyScript: docs/decisions/0041. `node .ci/kernels.mjs` builds it into
 * `src/formats/gzip/kernel-bytes.ts`.
 */
export { INPUT, INPUT_BYTES, MEMORY_END, OUTPUT, OUTPUT_BYTES } from './memory';
export { beginOutput, beginStream, inflate, inputEnd, outputEnd } from './inflate';
