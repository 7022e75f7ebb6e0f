import { bytesPerRow, type Schema } from '../../../columns/schema.js';
import type { FlushReason } from '../../../wire/pipeline-report.js';
import type { BatcherOptions } from './options.js';

/**
 * What closes a batch. All rows of a schema take the same number of bytes, so a limit in bytes is a
 * number of rows.
 */
export interface BatchLimits {
  readonly rowsMax: number;
  /** Why a batch of `rowsMax` rows closes. */
  readonly reasonWhenFull: Extract<FlushReason, 'rows' | 'bytes'>;
  readonly delayNs: bigint;
}

export function batchLimits({ maxRows, maxBytes, maxDelayMs }: BatcherOptions, input: Schema): BatchLimits {
  const fit = Math.floor(maxBytes / bytesPerRow(input));
  return {
    rowsMax: Math.max(1, Math.min(maxRows, fit)),
    reasonWhenFull: fit < maxRows ? 'bytes' : 'rows',
    delayNs: BigInt(maxDelayMs) * 1_000_000n,
  };
}
