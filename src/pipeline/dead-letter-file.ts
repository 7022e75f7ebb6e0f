import { writeSync } from 'node:fs';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type BadRow, PipelineError } from '../core/errors.js';
import type { Rejects } from './rejects.js';

/** Characters held back before they are written at once, flushed or not. */
const PENDING_MAX = 1_048_576;

/** Keeps bad rows in a file, one JSON object a line: {file, line, field, expected, found, raw}. */
export class DeadLetterFile implements Rejects {
  readonly keepsRows = true;
  readonly path: string;
  readonly #rowsMax: number;
  readonly #handle: FileHandle;
  #count = 0;
  #pending = '';
  #isClosed = false;

  private constructor(handle: FileHandle, { path, maxRows }: DeadLetterOptions) {
    this.#handle = handle;
    this.path = path;
    this.#rowsMax = maxRows;
  }

  /**
   * Makes the file, and the folder around it, so that a place that cannot be written is told before
   * the first row is read. A run that rejects nothing leaves an empty file.
   *
   * @throws {PipelineError} `OUTPUT_FAILED`.
   */
  static async open(options: DeadLetterOptions): Promise<DeadLetterFile> {
    const { path, append = false } = options;
    try {
      await mkdir(dirname(path), { recursive: true });
      return new DeadLetterFile(await open(path, append ? 'a' : 'w'), options);
    } catch (error) {
      throw outputError(path, error);
    }
  }

  get count(): number {
    return this.#count;
  }

  add(row: BadRow): void {
    if (this.#count >= this.#rowsMax) {
      throw new PipelineError(
        'REJECTS_EXHAUSTED',
        `${row.file}:${row.line}: expected at most ${this.#rowsMax} bad rows ("deadLetter.maxRows"), found one more: ` +
          `${row.field === undefined ? '' : `${row.field}: `}expected ${row.expected}, found ${row.found}. ` +
          `The others are in ${this.path}`,
      );
    }
    this.#count++;
    const { file, line, field, expected, found, raw } = row;
    this.#pending += `${JSON.stringify({ file, line, field, expected, found, raw })}\n`;
    if (this.#pending.length > PENDING_MAX) this.#writeNow();
  }

  /** @throws {PipelineError} `OUTPUT_FAILED`, a full disk for one. */
  async flush(): Promise<void> {
    const text = this.#pending;
    if (text === '') return;
    this.#pending = '';
    try {
      await this.#handle.appendFile(text);
    } catch (error) {
      throw outputError(this.path, error);
    }
  }

  /** Writes what is left, and frees the file. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    try {
      await this.flush();
    } finally {
      await this.#handle.close();
    }
  }

  /** For a stage that adds more than it flushes: memory stays bounded. */
  #writeNow(): void {
    const bytes = Buffer.from(this.#pending);
    this.#pending = '';
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#handle.fd, bytes, at);
    } catch (error) {
      throw outputError(this.path, error);
    }
  }
}

export interface DeadLetterOptions {
  readonly path: string;
  /** Rows that it takes; the next one fails. */
  readonly maxRows: number;
  /** Goes on behind what an earlier run wrote, instead of replacing it. */
  readonly append?: boolean;
}

function outputError(path: string, cause: unknown): PipelineError {
  const { code, message } = cause as NodeJS.ErrnoException;
  return new PipelineError(
    'OUTPUT_FAILED',
    `${path}: expected a dead-letter file that can be written, found ${code ?? message}`,
    { cause },
  );
}
