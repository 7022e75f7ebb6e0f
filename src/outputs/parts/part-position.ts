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
  /**
   * After a reset: number of parts that the next start takes back, staged and open ones included. So it notices that
   * it is at another place than the run was.
   */
  readonly takesBack?: number | undefined;
}

export function toPlainData(position: PartPosition): PlainData {
  const { run, epoch, sequence, published, staged, replaces, open, takesBack } = position;
  return {
    run,
    epoch,
    sequence,
    published,
    staged: staged.map(({ name, bytes }) => ({ name, bytes })),
    replaces,
    ...(open && { open: openFilesData(open) }),
    ...(takesBack !== undefined && { takesBack }),
  };
}

/** @throws {PipelineError} `CHECKPOINT_INVALID` */
export function asPartPosition(data: PlainData): PartPosition {
  const found = (data ?? {}) as Partial<PartPosition>;
  const { run, epoch, sequence, published, staged, replaces, open, takesBack } = found;
  const isPosition =
    new RegExp(`^${RANDOM_NAME}$`).test(String(run)) &&
    isCount(epoch) &&
    isCount(sequence) &&
    isCount(published) &&
    (takesBack === undefined || isCount(takesBack)) &&
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
      '(run, epoch, sequence, published, staged, replaces, open, takesBack)',
  );
}

/** The position of the run at which nothing of it counts, until the first checkpoint after it. What it has replaced is not brought back. */
export function rewoundParts(position: PartPosition): PlainData {
  const { run, published, staged, replaces, open, takesBack = 0 } = position;
  return toPlainData({
    run,
    epoch: 0,
    sequence: 0,
    published: 0,
    staged: [],
    replaces,
    takesBack: takesBack + published + staged.length + (open?.files.length ?? 0),
  });
}
