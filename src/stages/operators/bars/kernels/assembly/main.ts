/**
 * Kernels that fold rows into bars, in AssemblyScript: docs/decisions/0041. `node .ci/kernels.mjs` builds them into
 * `src/stages/operators/bars/kernels/kernel-bytes.ts`.
 */
export {
  CELLS,
  EXTRAS,
  KEYS,
  MEMORY_END,
  PRICES,
  ROWS_MAX,
  SELECTION,
  SIZES,
  SLOTS_MAX,
  SYMBOLS,
  TOUCHED,
} from './memory';
export { foldInOrder, foldSizes, slotsTouched } from './fold';
