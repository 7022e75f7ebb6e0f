import { findColumn, type Schema } from '../../../columns/schema.js';
import type { PlanProblems } from '../../../engine/factories.js';
import type { StreamFacts } from '../../../engine/stage.js';
import type { RotateOptions } from './file-output-options.js';
import type { RotationLimits } from './rotation.js';

/** For a directory whose data never ends: unless its files end at some point, nothing would ever appear. */
const UNBOUNDED: RotationLimits = { bytes: 256 * 1_048_576, everyNs: 3_600_000_000_000n };

/**
 * The limits at which a file ends.
 *
 * @param bounded - Whether the data ends by itself.
 * @param isOneFile - Whether the output is one file, which appears at the end in any case.
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

/** Reports problems with the rotation options. */
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
