import { isCount, type PlainData } from '../../core/plain-data.js';
import type { FileMark } from '../output-file.js';
import type { JournalPosition } from './journal.js';

/** An open file in a position. */
export interface OpenFilePosition extends FileMark {
  readonly name: string;
  /** Its number in the journal. */
  readonly number: number;
  /** How many of its bytes are durable in the file itself. The rest are in the journal. */
  readonly inFile: number;
  /** Offset in the journal from which its tail counts. */
  readonly tailFrom: number;
  readonly state: PlainData;
}

/** The counted part of the files that are still open. */
export interface OpenFilesPosition {
  readonly files: readonly OpenFilePosition[];
  readonly journal: JournalPosition | null;
}

export const openFilesData = ({ files, journal }: OpenFilesPosition): PlainData => ({
  files: files.map((file) => ({ ...file })),
  journal: journal && { ...journal },
});

/** @param isName - Whether a file of the run may have this name. */
export function isOpenFiles(data: unknown, isName: (name: string) => boolean): data is OpenFilesPosition {
  const { files, journal } = (data ?? {}) as Partial<OpenFilesPosition>;
  return (
    Array.isArray(files) &&
    files.every(
      (file: Partial<OpenFilePosition> | null) =>
        isMark(file) &&
        [file?.number, file?.inFile, file?.tailFrom].every(isCount) &&
        typeof file?.name === 'string' &&
        isName(file.name),
    ) &&
    (journal === null || (isMark(journal) && isCount(journal?.number)))
  );
}

const isMark = (data: Partial<FileMark> | null | undefined): boolean =>
  isCount(data?.bytes) && isCount(data?.checksum);
