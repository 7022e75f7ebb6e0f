import { PipelineError } from '../../core/errors.js';
import type { PlainData } from '../../core/plain-data.js';
import { RANDOM_NAME } from '../../outputs/random-name.js';

/** Where a run stands: so many bytes of its file count. */
export interface FilePosition {
  readonly run: string;
  readonly epoch: number;
  readonly bytes: number;
  /** They are in the file that readers see; else in the one that is not whole yet. */
  readonly published: boolean;
}

/** @throws {PipelineError} `CHECKPOINT_INVALID` */
export function asFilePosition(data: PlainData): FilePosition {
  const { run, epoch, bytes, published } = (data ?? {}) as Partial<FilePosition>;
  const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
  const isPosition =
    new RegExp(`^${RANDOM_NAME}$`).test(String(run)) &&
    isCount(epoch) &&
    isCount(bytes) &&
    typeof published === 'boolean';
  if (isPosition) return data as unknown as FilePosition;
  throw new PipelineError(
    'CHECKPOINT_INVALID',
    'The checkpoint does not fit the sink: expected a position in one file (run, epoch, bytes, published)',
  );
}
