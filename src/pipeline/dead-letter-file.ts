import { constants, writeSync } from 'node:fs';
import * as nodeFs from 'node:fs/promises';
import { dirname } from 'node:path';
import { type BadRow, PipelineError } from '../core/errors.js';
import { invariant } from '../core/invariant.js';
import { type DirectoryMaker, makeDirectory } from '../core/make-directory.js';
import { outputFailed } from '../core/output-error.js';
import type { Rejects } from './rejects.js';

/** Characters held back before they are written at once, flushed or not. */
const PENDING_MAX = 1_048_576;

/** Each line goes to the end, whatever another run of the same path wrote in between. */
const REPLACE = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_APPEND;

/** Keeps bad rows in a file, one JSON object a line: {file, line, field, expected, found, raw}. */
export class DeadLetterFile implements Rejects {
  readonly keepsRows = true;
  readonly path: string;
  readonly #options: DeadLetterOptions;
  readonly #fs: DirectoryMaker & Pick<typeof nodeFs, 'open'>;
  #handle: nodeFs.FileHandle | undefined;
  #count = 0;
  #pending = '';

  /** @param fs - For tests. */
  constructor(options: DeadLetterOptions, fs: DirectoryMaker & Pick<typeof nodeFs, 'open'> = nodeFs) {
    this.#options = options;
    this.#fs = fs;
    this.path = options.path;
  }

  /**
   * Makes the file, and the folder around it, so that a place that cannot be written is told before
   * the first row is read. A run that rejects nothing leaves an empty file.
   *
   * @throws {PipelineError} `OUTPUT_FAILED`.
   */
  async open(): Promise<void> {
    const { path, append = false } = this.#options;
    await makeDirectory(this.#fs, dirname(path));
    try {
      this.#handle = await this.#fs.open(path, append ? 'a' : REPLACE);
    } catch (error) {
      throw outputFailed('open the dead-letter file', path, error);
    }
  }

  get count(): number {
    return this.#count;
  }

  add(row: BadRow): void {
    const { maxRows } = this.#options;
    if (this.#count >= maxRows) {
      throw new PipelineError(
        'REJECTS_EXHAUSTED',
        `${row.file}:${row.line}: expected at most ${maxRows} bad rows ("deadLetter.maxRows"), found one more: ` +
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
    const handle = this.#opened();
    this.#pending = '';
    try {
      await handle.appendFile(text);
    } catch (error) {
      throw outputFailed('write the dead-letter file', this.path, error);
    }
  }

  /** Writes what is left, and frees the file. */
  async close(): Promise<void> {
    const handle = this.#handle;
    if (!handle) return;
    try {
      await this.flush();
    } finally {
      this.#handle = undefined;
      await handle.close();
    }
  }

  /** For a stage that adds more than it flushes: memory stays bounded. */
  #writeNow(): void {
    const { fd } = this.#opened();
    const bytes = Buffer.from(this.#pending);
    this.#pending = '';
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
    } catch (error) {
      throw outputFailed('write the dead-letter file', this.path, error);
    }
  }

  #opened(): nodeFs.FileHandle {
    invariant(this.#handle !== undefined, 'a dead-letter file is open while rows are written to it');
    return this.#handle;
  }
}

export interface DeadLetterOptions {
  readonly path: string;
  /** Rows that it takes; the next one fails. */
  readonly maxRows: number;
  /** Goes on behind what an earlier run wrote, instead of replacing it. */
  readonly append?: boolean;
}
