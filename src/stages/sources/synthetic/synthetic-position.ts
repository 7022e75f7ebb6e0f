import { PipelineError } from '../../../core/errors.js';
import type { PlainData } from '../../../core/plain-data.js';
import type { QuoteWalkState } from './quote-walk.js';

/** Where a synthetic source continues. */
export interface SyntheticPosition {
  /** Rows made so far. */
  readonly row: number;
  readonly walk: QuoteWalkState;
  /** Elements of the row that is held back, by column. */
  readonly late: readonly (readonly number[])[] | null;
  /** How often the held row will come. */
  readonly copies: number;
}

/** @throws {PipelineError} `CHECKPOINT_INVALID` if this is not a position of such a source. */
export function parsePosition(position: PlainData, symbols: number): SyntheticPosition {
  const read = position as unknown as Partial<SyntheticPosition> | null;
  const walk = read?.walk;
  const fits =
    Number.isSafeInteger(read?.row) &&
    Number.isInteger(read?.copies) &&
    (read?.late === null || Array.isArray(read?.late)) &&
    /^-?\d+$/.test(walk?.time ?? '') &&
    walk?.random?.length === 4 &&
    walk.ticks?.length === symbols;
  if (fits) return read as SyntheticPosition;
  throw new PipelineError(
    'CHECKPOINT_INVALID',
    `Expected a position of a synthetic source with ${symbols} symbols, found another; were its options changed?`,
  );
}
