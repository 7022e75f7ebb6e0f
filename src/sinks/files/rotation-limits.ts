import { findColumn, type Schema } from '../../core/schema.js';
import type { PlanProblems } from '../../pipeline/factories.js';
import type { RotateOptions } from '../../settings/file-output-options.js';
import type { RotationLimits } from './rotation.js';

export function rotationLimits(rotate: RotateOptions | undefined): RotationLimits {
  const every = rotate?.every;
  return {
    rows: rotate?.rows,
    bytes: rotate?.bytes,
    everyNs: every === undefined ? undefined : BigInt(every),
  };
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
