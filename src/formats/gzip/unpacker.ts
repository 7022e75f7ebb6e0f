/** Unpacks a gzip file from the front, with one or several members. Zeros after the last member are padding. */
export interface Unpacker {
  /**
   * Returns the next unpacked bytes, valid until the next call; `null` at the end. After an error, it is of no more
   * use.
   *
   * @throws Whatever reading throws; an error of zlib, whose code begins with `Z_`; or `NotUnderstoodError`.
   */
  next(): Promise<Uint8Array | null>;
  /** Lets go of its memory. */
  close(): void;
}

/** Bytes from the front of a file that were unpacked before, by the kernel. */
export interface EarlierBytes {
  readonly count: number;
  /** Their CRC-32. */
  readonly checksum: number;
}

/** Where an unpacker reads. */
export interface PackedFile {
  readonly path: string;
  /** Reads bytes from an offset on. @returns How many; 0 at the end of the file. */
  read(buffer: Uint8Array, at: number): Promise<number>;
}

/** Thrown where the kernel finds what it does not understand; mostly, the data are wrong. */
export class NotUnderstoodError extends Error {
  override readonly name = 'NotUnderstoodError';
}
