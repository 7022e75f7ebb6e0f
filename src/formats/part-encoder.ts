import type { Batch } from '../columns/batch.js';
import type { ControlRecord } from '../columns/control-record.js';
import type { FileCut, OutputFile, ResumedFile } from '../outputs/output-file.js';

/** The encoder's part of a checkpoint; the caller adds the file. */
export type EncoderCut = Omit<FileCut, 'file'>;

/** Encodes rows in one format. It only reads batches, and does not own them. */
export interface PartEncoder {
  /** Starts a new file, or appends to a complete one. */
  begin(file: OutputFile): Promise<void> | void;
  rows(batch: Batch, start: number, end: number): Promise<void> | void;
  /** Writes a control record between the rows. If missing, control records are not in the file. */
  control?(record: ControlRecord): Promise<void> | void;
  /**
   * Returns what is needed to continue the file from here. Rows that cannot be written yet, since the
   * format groups more rows, are in the tail.
   *
   * @param whole - Whether to include what earlier cuts returned.
   */
  cut(whole: boolean): Promise<EncoderCut> | EncoderCut;
  /** In place of `begin`: continues a file from the cuts of an encoder with the same options. */
  goOn(resumed: ResumedFile): Promise<void> | void;
  /** Ends the file. Everything has been written to it when the promise settles. */
  end(): Promise<void>;
  /** Estimate of the bytes that rows not yet written will add to the file. */
  readonly pendingBytes: number;
  /** Writes the pending rows now, although the format would group more rows. */
  encodePending?(): Promise<void>;
  /** Frees native resources, and returns the charged memory. */
  close?(): void;
}
