import { randomBytes } from 'node:crypto';
import { constants, writeSync } from 'node:fs';
import * as nodeFs from 'node:fs/promises';
import { dirname } from 'node:path';
import { type BadRow, PipelineError } from '../core/errors.js';
import { invariant } from '../core/invariant.js';
import { type DirectoryMaker, makeDirectory, parentsToSync } from '../core/make-directory.js';
import { errnoCode, lacksRoom, outputFailed, syncFailed } from '../core/output-error.js';
import type { PlainData } from '../core/plain-data.js';
import { syncFolder } from '../outputs/disk/durable-files.js';
import { inSyncTurn } from '../shared-memory/sync-gate.js';
import {
  type DeadLetterPosition,
  EarlierLetters,
  linesNotIn,
  readDeadLetterPosition,
} from './earlier-letters.js';
import { inspectDeadLetters } from './own-dead-letters.js';
import type { KeptRejects } from './rejects.js';
import { UnsyncedLetters } from './unsynced-letters.js';

/** Characters held back before they are written at once, flushed or not, if they can be. */
const PENDING_MAX = 1_048_576;
/** Characters that checkpoints say before the file is synced, behind the flow. */
const UNSYNCED_MAX = 262_144;

const NOTHING = Buffer.alloc(0);
const WRITE = 'write the dead-letter file';

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
  /** Has a flush wait while the disk is full. Without it, the flush fails. */
  readonly room?: RoomForWrites;
  /** For tests. */
  readonly unsyncedMax?: number;
}

/** Writes all bytes, from where a short write or a full disk broke it off. */
export interface RoomForWrites {
  writeAll(
    bytes: Uint8Array,
    what: { readonly path: string; readonly doing: string },
    write: (at: number) => Promise<number>,
  ): Promise<void>;
}

/**
 * Keeps bad rows in a file, one JSON object a line: {run, ordinal, file, line, field, expected,
 * found, raw}. What other runs wrote stays: rows are added at the end, each at least once. After a
 * crash a row may stand there twice, with the same run and ordinal.
 */
export class DeadLetterFile implements KeptRejects {
  readonly keepsRows = true;
  readonly path: string;
  readonly #maxRows: number;
  readonly #room: RoomForWrites | undefined;
  readonly #fs: DeadLetterFileSystem;
  #run = newRun();
  #handle: nodeFs.FileHandle | undefined;
  #count = 0;
  /** The last number that was given to a row. */
  #ordinal = 0;
  /** Where what comes next will stand, where nobody else writes to the file. */
  #bytes = 0;
  /** Of a run that is gone on with: some of them may still come again. */
  #earlier: EarlierLetters | undefined;
  #pending = '';
  /** Goes before it: what a write that failed has left. */
  #unwritten: Buffer = NOTHING;
  #isWriting = false;
  /** A crash cut the last line off: it is ended before the first of this run. */
  #endsMidLine = false;
  /** It was there before. */
  #isStanding = false;
  /** In which the name of the file is not known to be on the disk. */
  #foldersToSync: readonly string[] = [];
  readonly #unsynced = new UnsyncedLetters();
  readonly #unsyncedMax: number;
  /** Of these, those that a write has taken. */
  #taken = 0;
  /** Checkpoints are taken: they say what is not on the disk. */
  #isSaid = false;
  #isSyncing = false;
  #lastSync: Promise<void> = Promise.resolve();
  /** Of the first sync that failed: all later ones, and all checkpoints, fail with it. */
  #syncFailure: PipelineError | undefined;
  /** Never rejects. Of two writes at once, one could come into the middle of a line of the other. */
  #lastWrite: Promise<void> = Promise.resolve();

  /** @param fs - For tests. */
  constructor(
    { path, maxRows, room, unsyncedMax = UNSYNCED_MAX }: DeadLetterOptions,
    fs: DeadLetterFileSystem = nodeFs,
  ) {
    this.path = path;
    this.#maxRows = maxRows;
    this.#room = room;
    this.#unsyncedMax = unsyncedMax;
    this.#fs = fs;
  }

  /**
   * Makes the file, and the folder around it, so that a place that cannot be written is told before
   * the first row is read. A run that rejects nothing leaves an empty file, or the one there was.
   *
   * @throws {PipelineError} `OUTPUT_EXISTS` when the file is none of dead letters, `OUTPUT_FAILED`.
   */
  async open(): Promise<void> {
    const folder = dirname(this.path);
    const made = await makeDirectory(this.#fs, folder);
    this.#foldersToSync = [...parentsToSync(folder, made), folder];
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

  /** What to go on from, of a checkpoint after a `settle` or a `sync`. */
  position(): DeadLetterPosition {
    const said = this.#unsynced.say();
    return {
      run: this.#run,
      ordinal: this.#ordinal,
      bytes: this.#bytes,
      ...this.#earlier?.awaited(),
      ...(said && { unsynced: said.text, unsyncedFrom: said.offset }),
    };
  }

  /**
   * Rows that come again have their numbers again, and are not written twice where they stand already.
   * Where others come in their place, they are counted on in the name of a new run: one number, one row.
   *
   * @throws {PipelineError} `CHECKPOINT_INVALID`, or `OUTPUT_FAILED` when the file cannot be read.
   */
  async resume(data: PlainData, rowsComeAgain: boolean): Promise<void> {
    const position = readDeadLetterPosition(data);
    this.#count = position.ordinal - (position.awaited?.length ?? 0);
    this.#ordinal = position.ordinal;
    const { bytes, unsynced = '', unsyncedFrom = bytes } = position;
    if (rowsComeAgain) this.#run = position.run;
    try {
      if (rowsComeAgain && this.#isStanding) {
        this.#earlier = await EarlierLetters.read(this.#opened(), position);
        this.#ordinal = this.#earlier.last;
      }
      this.#unsynced.addEarlier(unsynced, this.#isStanding ? unsyncedFrom : 0);
      const letters = unsynced.split('\n').filter((letter) => letter !== '');
      const lost =
        this.#isStanding && letters.length > 0
          ? await linesNotIn(this.#opened(), letters, unsyncedFrom)
          : letters;
      for (const letter of lost) this.#append(`${letter}\n`);
    } catch (error) {
      throw outputFailed('read the dead-letter file', this.path, error);
    }
  }

  /** A row that it throws at was not taken, and may be added again. */
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
    const content = JSON.stringify({ file, line, field, expected, found, raw }).slice(1);
    const mustWrite = !this.#room && this.#unwritten.length > PENDING_MAX;
    if (mustWrite || this.#pending.length > PENDING_MAX) this.#writeNow();
    this.#count++;
    const earlier = this.#earlier?.take(content);
    const ordinal = earlier ?? ++this.#ordinal;
    const letter = `{"run":${JSON.stringify(this.#run)},"ordinal":${ordinal},${content}\n`;
    if (this.#earlier && earlier !== undefined) {
      this.#unsynced.addEarlier(letter, this.#earlier.bytes); // it stands there, on the disk or not
      return;
    }
    this.#unsynced.add(letter);
    this.#append(letter);
  }

  #append(letter: string): void {
    this.#pending += this.#endsMidLine ? `\n${letter}` : letter;
    this.#endsMidLine = false;
  }

  /** @throws {PipelineError} `OUTPUT_FAILED`, a full disk for one where nothing waits for room. */
  async flush(): Promise<void> {
    const written = this.#lastWrite.then(() => this.#write());
    this.#lastWrite = written.catch(() => undefined);
    await written;
    const isDue = this.#isSaid && !this.#isSyncing && !this.#syncFailure;
    if (isDue && this.#unsynced.length > this.#unsyncedMax) {
      this.#syncFile().catch(() => undefined); // told with the next checkpoint
    }
  }

  /**
   * Makes all rows so far last, whatever happens to the machine.
   *
   * @throws {PipelineError} `OUTPUT_FAILED`.
   */
  async sync(): Promise<void> {
    await this.flush();
    await this.#syncFile();
  }

  /**
   * The last position will be kept: it says what is not on the disk, if that is not too much.
   *
   * @throws {PipelineError} `OUTPUT_FAILED`.
   */
  async settle(): Promise<void> {
    this.#isSaid = true;
    await this.flush();
    if (this.#syncFailure) throw this.#syncFailure;
    if (this.#unsynced.owesSync) await this.#syncFile();
  }

  #syncFile(): Promise<void> {
    this.#isSyncing = true;
    this.#lastSync = this.#lastSync.then(() => this.#syncNow());
    const last = this.#lastSync;
    return last.finally(() => {
      if (this.#lastSync === last) this.#isSyncing = false;
    });
  }

  async #syncNow(): Promise<void> {
    if (this.#unsynced.length === 0) return;
    const handle = this.#opened();
    const done = this.#unsynced.beginSync(this.#bytes);
    try {
      // A device has nothing to sync, and says so by an error.
      if ((await handle.stat()).isFile()) {
        await inSyncTurn(() => handle.sync());
        for (const folder of this.#foldersToSync) await syncFolder(this.#fs, folder);
        this.#foldersToSync = [];
      }
    } catch (error) {
      this.#syncFailure = syncFailed(this.path, error);
      throw this.#syncFailure;
    }
    done();
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
      const { foreign, isCutOff = false, bytes = 0 } = await inspectDeadLetters(handle);
      if (foreign !== undefined) throw notOurs(this.path, foreign);
      this.#endsMidLine = isCutOff;
      this.#bytes = bytes;
      this.#unsynced.begin(bytes);
      this.#isStanding = true;
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

  async #write(): Promise<void> {
    const bytes = this.#takePending();
    if (bytes.length === 0) {
      this.#noteWritten(bytes, 0);
      return;
    }
    const handle = this.#opened();
    let written = 0;
    const write = async (at: number) => {
      const { bytesWritten } = await handle.write(bytes, at);
      written = at + bytesWritten;
      return bytesWritten;
    };
    this.#isWriting = true;
    try {
      if (this.#room) await this.#room.writeAll(bytes, { path: this.path, doing: WRITE }, write);
      else while (written < bytes.length) await write(written);
    } catch (error) {
      throw outputFailed(WRITE, this.path, error);
    } finally {
      this.#isWriting = false;
      this.#noteWritten(bytes, written);
    }
  }

  /** For a stage that adds more than it flushes: memory stays bounded. */
  #writeNow(): void {
    if (this.#isWriting) return; // in the middle of a line, maybe
    const { fd } = this.#opened();
    const bytes = this.#takePending();
    let written = 0;
    try {
      while (written < bytes.length) written += writeSync(fd, bytes, written);
    } catch (error) {
      // The next flush waits for room.
      if (!this.#room || !lacksRoom(error)) throw outputFailed(WRITE, this.path, error);
    } finally {
      this.#noteWritten(bytes, written);
    }
  }

  #takePending(): Buffer {
    const bytes = Buffer.concat([this.#unwritten, Buffer.from(this.#pending)]);
    this.#pending = '';
    this.#unwritten = NOTHING;
    this.#taken = this.#unsynced.end;
    return bytes;
  }

  /** Of the pending bytes, so many: the others are not lost, and go before all that was added since. */
  #noteWritten(bytes: Buffer, written: number): void {
    this.#unwritten = bytes.subarray(written);
    this.#bytes += written;
    if (written === bytes.length) this.#unsynced.noteWritten(this.#taken);
  }

  #opened(): nodeFs.FileHandle {
    invariant(this.#handle !== undefined, 'a dead-letter file is open while rows are written to it');
    return this.#handle;
  }
}

const newRun = (): string => randomBytes(6).toString('hex');

/** To follow it would make a file that nobody named. */
export const LINK_TO_NOWHERE = 'a link to a file that is not there';

/** What is wrong with a path of dead letters that leads to something else, and what to do. */
export const foreignDeadLetters = (path: string, found: string): string =>
  `expected a new file, an empty one or one of dead letters, found "${path}", which is ${found}; ` +
  'nothing was written to it: choose another path, or move it away';

function notOurs(path: string, found: string): PipelineError {
  return new PipelineError('OUTPUT_EXISTS', `deadLetter.path: ${foreignDeadLetters(path, found)}`);
}
