import { findColumn, type Schema } from '../../../columns/schema.js';
import type { PlanProblems } from '../../../engine/factories.js';
import type { StageContext } from '../../../engine/stage.js';
import type { RotateOptions } from './file-output-options.js';
import type { RotationLimits } from './rotation.js';

/** For a directory whose data never ends: unless its files end at some point, nothing would ever appear. */
const UNBOUNDED: RotationLimits = { bytes: 256 * 1_048_576, everyNs: 3_600_000_000_000n };

/**
 * The limits at which a file ends. Logs a warning if files may take long to appear.
 *
 * @param files - The columns of the files.
 * @param isOneFile - Whether the output is one file, which appears at the end in any case.
 */
export function rotationLimits(
  rotate: RotateOptions | undefined,
  files: Schema,
  { stream, log, id }: Pick<StageContext, 'stream' | 'log' | 'id'>,
  isOneFile: boolean,
): RotationLimits {
  if (!rotate) {
    if (stream.bounded || isOneFile) return {};
    if (!hasTime(files)) log.warn({ stage: id }, BYTES_ALONE);
    return UNBOUNDED;
  }
  const { rows, bytes, every } = rotate;
  return { rows, bytes, everyNs: every === undefined ? undefined : BigInt(every) };
}

const BYTES_ALONE =
  'the data has no end and no timestamp column "time", so a file ends after 256 MB and not after 1 h: rows of a ' +
  'quiet feed may not appear for long. Set "rotate", or keep "time"';

const hasTime = (schema: Schema): boolean => findColumn(schema, 'time')?.type === 'timestamp';

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
  if (rotate.every !== undefined && !hasTime(input)) {
    problems.add(['rotate', 'every'], 'expected rows with a timestamp column "time" to cut by, found none');
  }
}
