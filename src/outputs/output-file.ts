import type { PlainData } from '../core/plain-data.js';

/** Length and checksum of a file so far. */
export interface FileMark {
  readonly bytes: number;
  /** CRC-32 of these bytes. */
  readonly checksum: number;
}

/** A file that an output has begun, as its writers see it. Where its bytes go is the output's business. */
export interface OutputFile {
  /** Name inside the output: the folders of its partition, and a name of its own. */
  readonly name: string;
  /** Bytes written so far. */
  readonly bytes: number;
  readonly mark: FileMark;
  /** Appends bytes. The memory may be reused once the promise has settled. */
  write(bytes: Uint8Array): Promise<void>;
}

/** The part of an open file that counts at a checkpoint, as stated by its writer. */
export interface FileCut<F extends OutputFile = OutputFile> {
  readonly file: F;
  /** This many of its bytes are final. */
  readonly mark: FileMark;
  /** State needed to continue after them; small. */
  readonly state: PlainData;
  /** More data needed for that, since earlier cuts of the file; all of it for a whole cut. */
  readonly log: readonly Uint8Array[];
  /** Data after the marked bytes: since the last cut, or all of it if `beginsTail`. */
  readonly tail: readonly Uint8Array[];
  readonly beginsTail: boolean;
}

/** A file to continue. */
export interface ResumedFile<F extends OutputFile = OutputFile> {
  readonly file: F;
  readonly state: PlainData;
  readonly log: readonly Uint8Array[];
  readonly tail: readonly Uint8Array[];
}
