import { findColumn, type Schema } from '../../../columns/schema.js';
import type { PlanProblems } from '../../../engine/factories.js';
import type { StreamFacts } from '../../../engine/stage.js';
import type { RotateOptions } from './file-output-options.js';
import type { RotationLimits } from './rotation.js';

/** Of a directory of data that does not end by itself: without an end of its files nothing would ever appear. */
const UNBOUNDED: RotationLimits = { bytes: 256 * 1_048_576, everyNs: 3_600_000_000_000n };

/**
 * @param bounded - Whether the data ends by itself.
 * @param isOneFile - It appears at the end, whatever the data.
 */
export function rotationLimits(
  rotate: RotateOptions | undefined,
  { bounded }: StreamFacts,
  isOneFile: boolean,
): RotationLimits {
  if (!rotate) return bounded || isOneFile ? {} : UNBOUNDED;
  const { rows, bytes, every } = rotate;
  return { rows, bytes, everyNs: every === undefined ? undefined : BigInt(every) };
}

/** Names what cannot be rotated by. */
export function checkRotation(
  rotate: RotateOptions | undefined,
  isSingleFile: boolean,
  input: Schema,
  problems: PlanProblems,
): void {
  if (!rotate) return;
  if (isSingleFile) {
    problems.add(['rotate'], 'expected a directory as "path" to rotate in, found the name of one file');
  }
  if (rotate.every !== undefined && findColumn(input, 'time')?.type !== 'timestamp') {
    problems.add(['rotate', 'every'], 'expected rows with a timestamp column "time" to cut by, found none');
  }
}
