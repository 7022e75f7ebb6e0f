import { PipelineError } from '../../core/errors.js';
import { isCount, type PlainData } from '../../core/plain-data.js';
import { RANDOM_NAME } from '../disk/random-name.js';
import { isOpenFiles, type OpenFilesPosition, openFilesData } from '../staging/open-files-position.js';
import { parsePartName } from './part-name.js';
import type { StagedPart } from './replacement.js';

/** The position of a run: parts up to this one count. */
export interface PartPosition {
  readonly run: string;
  readonly epoch: number;
  /** Sequence of the last part begun in this epoch; 0 before the first. */
  readonly sequence: number;
  /** Number of parts of the run in the directory, over all its epochs. */
  readonly published: number;
  /** Parts that count but are not in the directory yet. */
  readonly staged: readonly StagedPart[];
  /** Whether parts of earlier runs are still there, to be replaced by the first of these. */
  readonly replaces: boolean;
  /** The counted part of the files that are still open. */
  readonly open?: OpenFilesPosition | undefined;
}

export function toPlainData(position: PartPosition): PlainData {
  const { run, epoch, sequence, published, staged, replaces, open } = position;
  return {
    run,
    epoch,
    sequence,
    published,
    staged: staged.map(({ name, bytes }) => ({ name, bytes })),
    replaces,
    ...(open && { open: openFilesData(open) }),
  };
}

/** @throws {PipelineError} `CHECKPOINT_INVALID` */
export function asPartPosition(data: PlainData): PartPosition {
  const found = (data ?? {}) as Partial<PartPosition>;
  const { run, epoch, sequence, published, staged, replaces, open } = found;
  const isPosition =
    new RegExp(`^${RANDOM_NAME}$`).test(String(run)) &&
    isCount(epoch) &&
    isCount(sequence) &&
    isCount(published) &&
    typeof replaces === 'boolean' &&
    (open === undefined || isOpenFiles(open, (name) => parsePartName(name)?.run === run)) &&
    Array.isArray(staged) &&
    staged.every(
      (part: Partial<StagedPart> | null) =>
        isCount(part?.bytes) && parsePartName(String(part?.name))?.run === run,
    );
  if (isPosition) return found as PartPosition;
  throw new PipelineError(
    'CHECKPOINT_INVALID',
    'The checkpoint does not fit the sink: expected a position in a directory of parts ' +
      '(run, epoch, sequence, published, staged, replaces, open)',
  );
}

/** The position of the run at which nothing of it counts. What it has replaced is not brought back. */
export const rewoundParts = ({ run, replaces }: PartPosition): PlainData =>
  toPlainData({ run, epoch: 0, sequence: 0, published: 0, staged: [], replaces });
