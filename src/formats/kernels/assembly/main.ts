/**
 * Kernels that decode delimited text, in AssemblyScript: docs/decisions/0040. `node .ci/kernels.mjs` builds them
 * into `src/formats/kernels/kernel-bytes.ts`.
 */
export {
  BLOCK_BYTES,
  BOUNDS,
  INPUT,
  LINES,
  MEMORY_END,
  PARAMETERS,
  ROWS_MAX,
  SEPARATORS,
  STARTS,
  UNREAD,
  VALUES,
} from './memory';
export { findStructure, metOddQuotes } from './structure-index';
export { chooseField, placeBounds, takeRows } from './csv-rows';
export { readDecimals } from './decimals';
export { readEpochs } from './epochs';
export { readWholes32, readWholes64 } from './wholes';
export { readIsoTimes } from './iso-times';
export { beginTexts, keepText, leaveText, readTexts32, readTexts8, TEXT_LONGEST, textsLeft } from './texts';
