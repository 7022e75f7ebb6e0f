import { crc32 } from 'node:zlib';
import { PipelineError } from '../../core/errors.js';
import type { FileMark } from '../output-file.js';
import { digits } from '../parts/part-name.js';
import type { StagedFile } from './staged-file.js';

/**
 * Holds the data of open files that is not final in those files. All of them share one journal, so that a
 * checkpoint syncs a single file however many are open. The journal only grows; a position states how
 * much of it counts.
 */
export class Journal {
  readonly number: number;
  readonly file: StagedFile;
  /** Entries that are not written yet, and their bytes. */
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;

  /** @param file - A new file, named `journalName(number)`. */
  constructor(number: number, file: StagedFile) {
    this.number = number;
    this.file = file;
  }

  /** Including pending entries. */
  get bytes(): number {
    return this.file.bytes + this.#pendingBytes;
  }

  /** Position after the last flush. */
  get position(): JournalPosition {
    return { number: this.number, ...this.file.mark };
  }

  /**
   * Adds an entry about a file, to be written by the next `flush`; the content must not change before
   * that.
   *
   * @param file - A number chosen by the caller, unique in this journal.
   * @param at - For `bytes`: the offset of the content in the file. Ignored for other kinds.
   */
  add(kind: EntryKind, file: number, at: number, content: readonly Uint8Array[]): void {
    let length = 0;
    for (const part of content) length += part.length;
    if (length === 0) return;
    const header = Buffer.allocUnsafe(HEADER_BYTES);
    header.writeUInt8(KINDS.indexOf(kind), 0);
    header.writeUInt32LE(file, 1);
    header.writeDoubleLE(at, 5);
    header.writeUInt32LE(length, 13);
    this.#pending.push(header, ...content);
    this.#pendingBytes += HEADER_BYTES + length;
  }

  /** Whether so much waits that it is to be written before more is added. */
  get isFull(): boolean {
    return this.#pendingBytes > PENDING_BYTES_MAX;
  }

  /** Writes many small entries at once. */
  async flush(): Promise<void> {
    const pending = Buffer.concat(this.#pending);
    this.#pending = [];
    this.#pendingBytes = 0;
    if (pending.length > 0) await this.file.write(pending);
  }
}

/**
 * The kinds of entries.
 *
 * - `bytes`: bytes of the file itself, at their offset.
 * - `log`: what the file's encoder has to know about these bytes; entries are concatenated.
 * - `tail`: rows after these bytes, as saved by the encoder. Void once the rows are among the bytes.
 */
export type EntryKind = 'bytes' | 'log' | 'tail';

export interface JournalEntry {
  readonly kind: EntryKind;
  readonly file: number;
  readonly at: number;
  /** Offset in the journal at which the entry begins. */
  readonly offset: number;
  readonly content: Uint8Array;
}

/** How much of a journal counts. */
export interface JournalPosition extends FileMark {
  readonly number: number;
}

export const journalName = (number: number): string => `journal-${digits(number, 5)}`;

/**
 * Parses a journal.
 *
 * @param bytes - The journal, possibly with more bytes after the part that counts.
 * @param path - Used in messages.
 * @throws {PipelineError} `CHECKPOINT_INVALID` if it does not match the position.
 */
export function readJournal(
  bytes: Uint8Array,
  { bytes: length, checksum }: FileMark,
  path: string,
): JournalEntry[] {
  const counts = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(length, bytes.length));
  if (counts.length < length || crc32(counts) !== checksum) throw damaged(path, length, counts.length);
  const entries: JournalEntry[] = [];
  for (let offset = 0; offset < length; ) {
    const start = offset + HEADER_BYTES;
    const end = start + (start <= length ? counts.readUInt32LE(offset + 13) : 0);
    const kind = KINDS[counts[offset]!];
    if (kind === undefined || start > length || end > length) throw damaged(path, length, counts.length);
    entries.push({
      kind,
      file: counts.readUInt32LE(offset + 1),
      at: counts.readDoubleLE(offset + 5),
      offset,
      content: counts.subarray(start, end),
    });
    offset = end;
  }
  return entries;
}

const KINDS: readonly EntryKind[] = ['bytes', 'log', 'tail'];
const HEADER_BYTES = 17;
const PENDING_BYTES_MAX = 1_048_576;

const damaged = (path: string, expected: number, found: number): PipelineError =>
  new PipelineError(
    'CHECKPOINT_INVALID',
    `"${path}": expected the ${expected} bytes that the checkpoint lists, found ${found}, or others: ` +
      'was it changed or cut off?',
  );
