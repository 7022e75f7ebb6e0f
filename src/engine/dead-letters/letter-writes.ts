import { writeSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { lacksRoom, outputFailed } from '../../core/output-error.js';
import type { UnsyncedLetters } from './unsynced-letters.js';

/** With more pending characters than this, `writeMany` tries to write them at once, without a flush. */
const PENDING_MAX = 1_048_576;

const NOTHING = Buffer.alloc(0);
const WRITE = 'write the dead-letter file';

/** Writes all bytes, and continues after a short write or a full disk. */
export interface RoomForWrites {
  writeAll(
    bytes: Uint8Array,
    what: { readonly path: string; readonly doing: string },
    write: (at: number) => Promise<number>,
  ): Promise<void>;
}

export interface LetterWritesParts {
  readonly path: string;
  /** Lets a flush wait while the disk is full. If omitted, the flush fails. */
  readonly room: RoomForWrites | undefined;
  /** Is told what was written. */
  readonly unsynced: UnsyncedLetters;
  /** Returns the open file. */
  handle(): FileHandle;
}

/** Letters on their way into the file: whole lines in order, one write at a time. */
export class LetterWrites {
  readonly #parts: LetterWritesParts;
  /** Offset of the next write, provided that nobody else writes to the file. */
  #bytes = 0;
  #pending = '';
  /** The rest of a failed write; written before `#pending`. */
  #unwritten: Buffer = NOTHING;
  #isWriting = false;
  /** Whether a crash truncated the last line: a line end is written before the first row of this run. */
  #endsMidLine = false;
  /** Of the letters that may be lost, those that a write has taken. */
  #taken = 0;
  /** Never rejects. Of two writes at once, one could come into the middle of a line of the other. */
  #lastWrite: Promise<void> = Promise.resolve();

  constructor(parts: LetterWritesParts) {
    this.#parts = parts;
  }

  /** Offset in the file before which no letter that is added from now on begins. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Goes on behind what is in the file. */
  beginAt(bytes: number, endsMidLine: boolean): void {
    this.#bytes = bytes;
    this.#endsMidLine = endsMidLine;
  }

  /** @param letter - A whole line. */
  append(letter: string): void {
    this.#pending += this.#endsMidLine ? `\n${letter}` : letter;
    this.#endsMidLine = false;
  }

  /**
   * Writes synchronously if much is pending, so that memory stays bounded even if a stage adds rows without a
   * flush.
   */
  writeMany(): void {
    const mustWrite = !this.#parts.room && this.#unwritten.length > PENDING_MAX;
    if (mustWrite || this.#pending.length > PENDING_MAX) this.#writeNow();
  }

  /** @throws {PipelineError} `OUTPUT_FAILED`, a full disk for one where nothing waits for room. */
  async flush(): Promise<void> {
    const written = this.#lastWrite.then(() => this.#write());
    this.#lastWrite = written.catch(() => undefined);
    await written;
  }

  async #write(): Promise<void> {
    const { path, room } = this.#parts;
    const bytes = this.#takePending();
    if (bytes.length === 0) {
      this.#noteWritten(bytes, 0);
      return;
    }
    const handle = this.#parts.handle();
    let written = 0;
    const write = async (at: number) => {
      const { bytesWritten } = await handle.write(bytes, at);
      written = at + bytesWritten;
      return bytesWritten;
    };
    this.#isWriting = true;
    try {
      if (room) await room.writeAll(bytes, { path, doing: WRITE }, write);
      else while (written < bytes.length) await write(written);
    } catch (error) {
      throw outputFailed(WRITE, path, error);
    } finally {
      this.#isWriting = false;
      this.#noteWritten(bytes, written);
    }
  }

  #writeNow(): void {
    if (this.#isWriting) return; // the write in progress may be in the middle of a line
    const { path, room } = this.#parts;
    const { fd } = this.#parts.handle();
    const bytes = this.#takePending();
    let written = 0;
    try {
      while (written < bytes.length) written += writeSync(fd, bytes, written);
    } catch (error) {
      // A lack of room is ignored here: the next flush waits for room.
      if (!room || !lacksRoom(error)) throw outputFailed(WRITE, path, error);
    } finally {
      this.#noteWritten(bytes, written);
    }
  }

  #takePending(): Buffer {
    const bytes = Buffer.concat([this.#unwritten, Buffer.from(this.#pending)]);
    this.#pending = '';
    this.#unwritten = NOTHING;
    this.#taken = this.#parts.unsynced.end;
    return bytes;
  }

  /** Records how many of the pending bytes were written. The rest is kept, and written before newer rows. */
  #noteWritten(bytes: Buffer, written: number): void {
    this.#unwritten = bytes.subarray(written);
    this.#bytes += written;
    if (written === bytes.length) this.#parts.unsynced.noteWritten(this.#taken);
  }
}
