import { PipelineError } from '../../core/errors.js';
import { isCount, type PlainData } from '../../core/plain-data.js';
import { RANDOM_NAME } from '../disk/random-name.js';
import { isOpenFiles, type OpenFilesPosition, openFilesData } from '../staging/open-files-position.js';
import type { FileMark } from '../staging/staged-file.js';

/** Tells a file from one that took its place, or that was written to. */
export type Standing = {
  readonly inode: number;
  readonly bytes: number;
  readonly changedAtMs: number;
};

export const isSame = (a: Standing, b: Standing): boolean =>
  a.inode === b.inode && a.bytes === b.bytes && a.changedAtMs === b.changedAtMs;

/** Where a run stands: so many bytes of its file count. */
export interface FilePosition extends FileMark {
  readonly run: string;
  readonly epoch: number;
  /** The bytes are in the file that readers see; else in the one that is not whole yet. */
  readonly published: boolean;
  /** What readers saw at that time; `null`: nothing. */
  readonly standing: Standing | null;
  /** The file goes on. */
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

export const isStanding = (found: Partial<Standing> | null | undefined): boolean =>
  isCount(found?.inode) && isCount(found?.bytes) && Number.isFinite(found?.changedAtMs);

/** It must not lead elsewhere. */
const isFileName = (name: string): boolean => name !== '' && !/[/\\\0]/.test(name);
