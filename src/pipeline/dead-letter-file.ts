import { randomBytes } from 'node:crypto';
import { constants, writeSync } from 'node:fs';
import * as nodeFs from 'node:fs/promises';
import { dirname } from 'node:path';
import { type BadRow, PipelineError } from '../core/errors.js';
import { invariant } from '../core/invariant.js';
import { type DirectoryMaker, makeDirectory } from '../core/make-directory.js';
import { errnoCode, outputFailed } from '../core/output-error.js';
import { inspectDeadLetters } from './own-dead-letters.js';
import type { Rejects } from './rejects.js';

/** Characters held back before they are written at once, flushed or not. */
const PENDING_MAX = 1_048_576;

/** A new file, or nothing: a link that somebody planted under its name is not followed. */
const NEW = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_APPEND;

/**
 * One that is there, to be read and added to. Not through a link: the path was followed before, and
 * must not lead elsewhere by now. Not waiting for the other end, where it is a pipe.
 */
const STANDING =
  constants.O_RDWR | constants.O_APPEND | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

export type DeadLetterFileSystem = DirectoryMaker & Pick<typeof nodeFs, 'open' | 'realpath'>;

export interface DeadLetterOptions {
  readonly path: string;
  /** Rows that it takes of one run; the next one fails. */
  readonly maxRows: number;
  /** Where the run left off, if it is gone on with: rows that come again have their numbers again. */
  readonly resumeAt?: DeadLetterPosition;
}

/** How far a run has come with its dead letters. Plain data, for a checkpoint. */
export type DeadLetterPosition = {
  /** Random, one for each run. */
  readonly run: string;
  /** Of the last one, counted from 1; 0 before the first. */
  readonly ordinal: number;
};

/**
 * Keeps bad rows in a file, one JSON object a line: {run, ordinal, file, line, field, expected,
 * found, raw}. What other runs wrote stays: rows are added at the end, each at least once. After a
 * crash a row may stand there twice, with the same run and ordinal.
 */
export class DeadLetterFile implements Rejects {
  readonly keepsRows = true;
  readonly path: string;
  readonly #maxRows: number;
  readonly #fs: DeadLetterFileSystem;
  readonly #run: string;
  #handle: nodeFs.FileHandle | undefined;
  #count: number;
  #pending = '';
  /** A crash cut the last line off: it is ended before the first of this run. */
  #endsMidLine = false;
  #isSynced = true;

  /** @param fs - For tests. */
  constructor({ path, maxRows, resumeAt }: DeadLetterOptions, fs: DeadLetterFileSystem = nodeFs) {
    this.path = path;
    this.#maxRows = maxRows;
    this.#fs = fs;
    this.#run = resumeAt?.run ?? randomBytes(6).toString('hex');
    this.#count = resumeAt?.ordinal ?? 0;
  }

  /**
   * Makes the file, and the folder around it, so that a place that cannot be written is told before
   * the first row is read. A run that rejects nothing leaves an empty file, or the one there was.
   *
   * @throws {PipelineError} `OUTPUT_EXISTS` when the file is none of dead letters, `OUTPUT_FAILED`.
   */
  async open(): Promise<void> {
    await makeDirectory(this.#fs, dirname(this.path));
    try {
      this.#handle = await this.#fs.open(this.path, NEW);
    } catch (error) {
      if (errnoCode(error) !== 'EEXIST') throw outputFailed('create the dead-letter file', this.path, error);
      await this.#openStanding();
    }
  }

  /** Rows of this run. */
  get count(): number {
    return this.#count;
  }

  /** What to go on from, of a checkpoint after a `sync`. */
  position(): DeadLetterPosition {
    return { run: this.#run, ordinal: this.#count };
  }

  add(row: BadRow): void {
    if (this.#count >= this.#maxRows) {
      throw new PipelineError(
        'REJECTS_EXHAUSTED',
        `${row.file}:${row.line}: expected at most ${this.#maxRows} bad rows ("deadLetter.maxRows"), found one more: ` +
          `${row.field === undefined ? '' : `${row.field}: `}expected ${row.expected}, found ${row.found}. ` +
          `The others are in ${this.path}`,
      );
    }
    const { file, line, field, expected, found, raw } = row;
    const letter = { run: this.#run, ordinal: ++this.#count, file, line, field, expected, found, raw };
    this.#pending += `${this.#endsMidLine ? '\n' : ''}${JSON.stringify(letter)}\n`;
    this.#endsMidLine = false;
    if (this.#pending.length > PENDING_MAX) this.#writeNow();
  }

  /** @throws {PipelineError} `OUTPUT_FAILED`, a full disk for one. */
  async flush(): Promise<void> {
    const bytes = this.#takePending();
    if (bytes.length === 0) return;
    const handle = this.#opened();
    try {
      for (let at = 0; at < bytes.length; ) at += (await handle.write(bytes, at)).bytesWritten;
    } catch (error) {
      throw outputFailed('write the dead-letter file', this.path, error);
    }
  }

  /**
   * Makes all rows so far last, whatever happens to the machine.
   *
   * @throws {PipelineError} `OUTPUT_FAILED`.
   */
  async sync(): Promise<void> {
    await this.flush();
    if (this.#isSynced) return;
    const handle = this.#opened();
    try {
      // A device has nothing to sync, and says so by an error.
      if ((await handle.stat()).isFile()) await handle.sync();
      this.#isSynced = true;
    } catch (error) {
      throw outputFailed('sync the dead-letter file', this.path, error);
    }
  }

  /** Writes what is left, and frees the file. */
  async close(): Promise<void> {
    const handle = this.#handle;
    if (!handle) return;
    try {
      await this.sync();
    } finally {
      this.#handle = undefined;
      await handle.close();
    }
  }

  async #openStanding(): Promise<void> {
    const handle = await this.#standing();
    try {
      const { foreign, isCutOff = false } = await inspectDeadLetters(handle);
      if (foreign !== undefined) throw notOurs(this.path, foreign);
      this.#endsMidLine = isCutOff;
    } catch (error) {
      await handle.close();
      throw outputFailed('read the dead-letter file', this.path, error);
    }
    this.#handle = handle;
  }

  async #standing(): Promise<nodeFs.FileHandle> {
    let real: string;
    try {
      real = await this.#fs.realpath(this.path);
    } catch (error) {
      if (errnoCode(error) === 'ENOENT') throw notOurs(this.path, LINK_TO_NOWHERE);
      throw outputFailed('look at the dead-letter file', this.path, error);
    }
    try {
      return await this.#fs.open(real, STANDING);
    } catch (error) {
      if (errnoCode(error) === 'EISDIR') throw notOurs(this.path, 'a directory');
      throw outputFailed('open the dead-letter file', this.path, error);
    }
  }

  /** For a stage that adds more than it flushes: memory stays bounded. */
  #writeNow(): void {
    const { fd } = this.#opened();
    const bytes = this.#takePending();
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
    } catch (error) {
      throw outputFailed('write the dead-letter file', this.path, error);
    }
  }

  #takePending(): Buffer {
    const bytes = Buffer.from(this.#pending);
    this.#pending = '';
    if (bytes.length > 0) this.#isSynced = false;
    return bytes;
  }

  #opened(): nodeFs.FileHandle {
    invariant(this.#handle !== undefined, 'a dead-letter file is open while rows are written to it');
    return this.#handle;
  }
}

/** To follow it would make a file that nobody named. */
export const LINK_TO_NOWHERE = 'a link to a file that is not there';

/** What is wrong with a path of dead letters that leads to something else, and what to do. */
export const foreignDeadLetters = (path: string, found: string): string =>
  `expected a new file, an empty one or one of dead letters, found "${path}", which is ${found}; ` +
  'nothing was written to it: choose another path, or move it away';

function notOurs(path: string, found: string): PipelineError {
  return new PipelineError('OUTPUT_EXISTS', `deadLetter.path: ${foreignDeadLetters(path, found)}`);
}
