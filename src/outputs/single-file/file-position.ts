import { PipelineError } from '../../core/errors.js';
import { isCount, type PlainData } from '../../core/plain-data.js';
import { RANDOM_NAME } from '../disk/random-name.js';
import type { FileMark } from '../output-file.js';
import { isOpenFiles, type OpenFilesPosition, openFilesData } from '../staging/open-files-position.js';

/** Identifies a file, to detect that it was replaced or written to. */
export type Standing = {
  readonly inode: number;
  readonly bytes: number;
  readonly changedAtMs: number;
};

export const isSame = (a: Standing, b: Standing): boolean =>
  a.inode === b.inode && a.bytes === b.bytes && a.changedAtMs === b.changedAtMs;

/** The position of a run: this many bytes of its file count. */
export interface FilePosition extends FileMark {
  readonly run: string;
  readonly epoch: number;
  /** Whether the bytes are in the visible file; otherwise they are in the incomplete one. */
  readonly published: boolean;
  /** The visible file at that time; `null` if there was none. */
  readonly standing: Standing | null;
  /** Set if the file is still open. */
  readonly open?: OpenFilesPosition | undefined;
}

export const filePositionData = ({ open, ...position }: FilePosition): PlainData => ({
  ...position,
  ...(open && { open: openFilesData(open) }),
});

/** @throws {PipelineError} `CHECKPOINT_INVALID` */
export function asFilePosition(data: PlainData): FilePosition {
  const { run, epoch, bytes, checksum, published, standing, open } = (data ?? {}) as Partial<FilePosition>;
  const isPosition =
    new RegExp(`^${RANDOM_NAME}$`).test(String(run)) &&
    isCount(epoch) &&
    isCount(bytes) &&
    isCount(checksum) &&
    typeof published === 'boolean' &&
    (standing === null || isStanding(standing)) &&
    (open === undefined || (isOpenFiles(open, isFileName) && open.files.length === 1));
  if (isPosition) return data as unknown as FilePosition;
  throw new PipelineError(
    'CHECKPOINT_INVALID',
    'The checkpoint does not fit the sink: expected a position in one file (run, epoch, bytes, checksum, published, standing, open)',
  );
}

/**
 * The position of the run at which nothing of it counts.
 *
 * @returns `undefined` where a file stood at the path, or this run has published one: the position does not say
 *   whether the rows of an earlier file are in it.
 */
export function rewoundFile({ run, epoch, published, standing }: FilePosition): PlainData | undefined {
  if (published || standing !== null) return undefined;
  return filePositionData({ run, epoch, bytes: 0, checksum: 0, published, standing });
}

export const isStanding = (found: Partial<Standing> | null | undefined): boolean =>
  isCount(found?.inode) && isCount(found?.bytes) && Number.isFinite(found?.changedAtMs);

/** The name must not lead to another directory. */
const isFileName = (name: string): boolean => name !== '' && !/[/\\\0]/.test(name);
