import { findColumn, type Schema } from '../../core/schema.js';
import type { PlanProblems } from '../../pipeline/factories.js';
import type { RotateOptions } from '../../settings/file-output-options.js';
import type { RotationLimits } from './rotation.js';

const UNIT_NS: Readonly<Record<string, bigint>> = {
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
  d: 86_400_000_000_000n,
};

/** @param rotate - Checked options: `every` is a number and one of the units above. */
export function rotationLimits(rotate: RotateOptions | undefined): RotationLimits {
  const every = rotate?.every;
  return {
    rows: rotate?.rows,
    bytes: rotate?.bytes,
    everyNs: every === undefined ? undefined : BigInt(every.slice(0, -1)) * UNIT_NS[every.slice(-1)]!,
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
