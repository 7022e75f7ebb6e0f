import type { Batch } from '../columns/batch.js';
import type { ControlRecord } from '../columns/control-record.js';
import type { FileCut, ResumedFile } from '../outputs/staging/open-files.js';
import type { StagedFile } from '../outputs/staging/staged-file.js';

/** What of the file counts at a checkpoint, the file apart. */
export type EncoderCut = Omit<FileCut, 'file'>;

/** Turns rows into the bytes of one format. Looks at batches; does not own them. */
export interface PartEncoder {
  /** Starts a file, or adds to one that was whole. */
  begin(file: StagedFile): Promise<void> | void;
  rows(batch: Batch, start: number, end: number): Promise<void> | void;
  /** Writes a control record down between the rows. Without it, they are not in the file. */
  control?(record: ControlRecord): Promise<void> | void;
  /**
   * What it takes to go on with the file as it is now. Rows that cannot be written yet, since the format
   * wants more of them together, are in the tail.
   *
   * @param whole - What earlier cuts gave is to be given again.
   */
  cut(whole: boolean): Promise<EncoderCut> | EncoderCut;
  /** In place of `begin`: goes on from cuts of an encoder with the same options. */
  goOn(resumed: ResumedFile): Promise<void> | void;
  /** Everything is in the file when it settles. */
  end(): Promise<void>;
  /** Bytes, about, that rows taken and not yet written will add to the file. */
  readonly pendingBytes: number;
  /** Writes these rows though the format would rather have more of them together. */
  encodePending?(): Promise<void>;
  /** Frees what is held outside of V8's heap, and gives its memory back. */
  close?(): void;
}
