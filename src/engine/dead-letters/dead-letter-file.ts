import { randomBytes } from 'node:crypto';
import { constants, writeSync } from 'node:fs';
import * as nodeFs from 'node:fs/promises';
import { dirname } from 'node:path';
import { type BadRow, PipelineError } from '../../core/errors.js';
import { invariant } from '../../core/invariant.js';
import { type DirectoryMaker, makeDirectory, parentsToSync } from '../../core/make-directory.js';
import { errnoCode, lacksRoom, outputFailed, syncFailed } from '../../core/output-error.js';
import type { PlainData } from '../../core/plain-data.js';
import { FolderSyncs } from '../../outputs/disk/folder-syncs.js';
import { inSyncTurn } from '../../shared-memory/sync-gate.js';
import { type Logger, silentLogger } from '../../telemetry/logger.js';
import type { BranchRejects, KeptRejects, LettersBehind, SourceRejects } from '../rejects.js';
import { BranchLetters } from './branch-letters.js';
import {
  type DeadLetterPosition,
  type LetterProgress,
  lettersUpTo,
  readDeadLetterPosition,
} from './dead-letter-position.js';
import { EarlierLetters, linesNotIn } from './earlier-letters.js';
import { LetterCut } from './letter-cut.js';
import { inspectDeadLetters } from './own-dead-letters.js';
import { SourceLetters } from './source-letters.js';
import { UnsyncedLetters } from './unsynced-letters.js';

/** With more pending characters than this, `add` tries to write them at once, without a flush. */
const PENDING_MAX = 1_048_576;
/** Characters that checkpoints say before the file is synced, behind the flow. */
const UNSYNCED_MAX = 262_144;

const NOTHING = Buffer.alloc(0);
const WRITE = 'write the dead-letter file';

/** Creates a new file or fails; a link planted under its name is not followed. */
const NEW = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_APPEND;

/**
 * Opens an existing file to read and append. No links, since the path was already resolved and must not
 * lead elsewhere now. Non-blocking, so that opening a pipe does not wait for the other end.
 */
const STANDING =
  constants.O_RDWR | constants.O_APPEND | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

export type DeadLetterFileSystem = DirectoryMaker & Pick<typeof nodeFs, 'open' | 'realpath'>;

export interface DeadLetterOptions {
  readonly path: string;
  /** Maximum rows of one run; the next row fails. */
  readonly maxRows: number;
  /** Lets a flush wait while the disk is full. If omitted, the flush fails. */
  readonly room?: RoomForWrites;
  readonly log?: Logger;
  /** For tests. */
  readonly unsyncedMax?: number;
}

/** Writes all bytes, and continues after a short write or a full disk. */
export interface RoomForWrites {
  writeAll(
    bytes: Uint8Array,
    what: { readonly path: string; readonly doing: string },
    write: (at: number) => Promise<number>,
  ): Promise<void>;
}

/**
 * Keeps bad rows in a file, one JSON object per line: {run, ordinal, file, line, field, expected,
 * found, raw}. Rows are appended, so rows of other runs stay. Each row is written at least once: after a
 * crash it may be there twice, with the same run and ordinal.
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
  /** The last ordinal that was assigned. */
  #ordinal = 0;
  /** Offset of the next write, provided that nobody else writes to the file. */
  #bytes = 0;
  /** For a resumed run: letters of an earlier start whose rows may be added again. */
  #earlier: EarlierLetters | undefined;
  #cut: LetterCut | undefined;
  #pending = '';
  /** The rest of a failed write; written before `#pending`. */
  #unwritten: Buffer = NOTHING;
  #isWriting = false;
  /** Whether a crash truncated the last line: a line end is written before the first row of this run. */
  #endsMidLine = false;
  /** Whether the file existed before. */
  #isStanding = false;
  /** Folders to sync, so that the name of the file is durable. */
  #foldersToSync: readonly string[] = [];
  readonly #folderSyncs: FolderSyncs;
  readonly #log: Logger;
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
    { path, maxRows, room, log = silentLogger, unsyncedMax = UNSYNCED_MAX }: DeadLetterOptions,
    fs: DeadLetterFileSystem = nodeFs,
  ) {
    this.path = path;
    this.#maxRows = maxRows;
    this.#room = room;
    this.#unsyncedMax = unsyncedMax;
    this.#fs = fs;
    this.#folderSyncs = new FolderSyncs(fs, 'dead letters');
    this.#log = log;
  }

  /**
   * Creates the file and its folder, so that a path that cannot be written is reported before the first
   * row is read. A run that rejects nothing leaves an empty file, or the existing file unchanged.
   *
   * @throws {PipelineError} `OUTPUT_EXISTS` if the file does not hold dead letters; `OUTPUT_FAILED`.
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

  /** Number of rows of this run. */
  get count(): number {
    return this.#count;
  }

  /** Offset in the file before which no letter that is added from now on begins. */
  get bytes(): number {
    return this.#bytes;
  }

  ofSource(): SourceRejects {
    return new SourceLetters(this);
  }

  ofBranch(): BranchRejects {
    return new BranchLetters(this);
  }

  /** The cut that branches are taking their parts of. */
  get cut(): LetterCut | undefined {
    return this.#cut;
  }

  /** What to go on from, of a checkpoint after a `settle` or a `sync`. */
  position(behind: readonly LettersBehind[] = []): DeadLetterPosition {
    const position = this.beginCut(behind)();
    this.#cut = undefined;
    return position;
  }

  /** The same where branches take their parts later: call the result once all have, and after a `sync`. */
  beginCut(behind: readonly LettersBehind[]): () => DeadLetterPosition {
    const said = this.#unsynced.say();
    const cut = new LetterCut(this.#progress, behind);
    this.#cut = cut;
    return () => ({
      run: this.#run,
      ...cut.upTo(),
      ...(said && { unsynced: said.text, unsyncedFrom: said.offset }),
    });
  }

  get #progress(): LetterProgress {
    const earlier = this.#earlier && {
      last: this.#earlier.last,
      bytes: this.#earlier.bytes,
      awaited: this.#earlier.awaited,
    };
    return { ordinal: this.#ordinal, count: this.#count, bytes: this.#bytes, earlier };
  }

  /**
   * Continues from a position. Rows that are read again keep their ordinals, and are not written again
   * if they are already in the file. If other rows come in their place (a live source), the count
   * continues under a new run id, so that no ordinal stands for two rows.
   *
   * @throws {PipelineError} `CHECKPOINT_INVALID`; or `OUTPUT_FAILED` if the file cannot be read.
   */
  async resume(data: PlainData, rowsComeAgain: boolean): Promise<void> {
    const position = readDeadLetterPosition(data);
    const { ordinal, awaited = [], bytes, unsyncedFrom = bytes } = position;
    this.#count = position.count ?? ordinal - awaited.length;
    this.#ordinal = ordinal;
    if (rowsComeAgain) this.#run = position.run;
    const letters = linesOf(position.unsynced, rowsComeAgain ? lettersUpTo(position) : () => true);
    try {
      if (rowsComeAgain && this.#isStanding) {
        this.#earlier = await EarlierLetters.read(this.#opened(), position);
        this.#ordinal = this.#earlier.last;
      }
      this.#unsynced.addEarlier(letters.map((letter) => `${letter}\n`).join(''), unsyncedFrom);
      const lost =
        this.#isStanding && letters.length > 0
          ? await linesNotIn(this.#opened(), letters, unsyncedFrom)
          : letters;
      for (const letter of lost) this.#append(`${letter}\n`);
    } catch (error) {
      throw outputFailed('read the dead-letter file', this.path, error);
    }
  }

  /** Adds a row. If it throws, the row was not added, and may be added again. */
  add(row: BadRow): void {
    this.number(row);
  }

  /** Adds a row, and returns its ordinal. */
  number(row: BadRow): number {
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
      return ordinal;
    }
    this.#unsynced.add(letter);
    this.#append(letter);
    return ordinal;
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
    const isDue = this.#isSaid && !this.#isSyncing;
    if (isDue && this.#unsynced.length > this.#unsyncedMax) {
      this.#syncFile().catch(() => undefined); // told with the next checkpoint
    }
  }

  /**
   * Makes all rows so far durable, even against a power cut.
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
      // Not for a device, which cannot sync and reports an error.
      if ((await handle.stat()).isFile()) {
        await inSyncTurn(() => handle.sync());
        for (const folder of this.#foldersToSync) await this.#folderSyncs.sync(folder, this.#log);
        this.#foldersToSync = [];
      }
    } catch (error) {
      this.#syncFailure = syncFailed(this.path, error);
      throw this.#syncFailure;
    }
    done();
  }

  /** Syncs all rows, and closes the file. */
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
      throw outputFailed('check the dead-letter file', this.path, error);
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

  /** Writes synchronously, so that memory stays bounded even if a stage adds rows without a flush. */
  #writeNow(): void {
    if (this.#isWriting) return; // the write in progress may be in the middle of a line
    const { fd } = this.#opened();
    const bytes = this.#takePending();
    let written = 0;
    try {
      while (written < bytes.length) written += writeSync(fd, bytes, written);
    } catch (error) {
      // A lack of room is ignored here: the next flush waits for room.
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

  /** Records how many of the pending bytes were written. The rest is kept, and written before newer rows. */
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

const linesOf = (text = '', isWanted: (line: string) => boolean): readonly string[] =>
  text.split('\n').filter((line) => line !== '' && isWanted(line));

const newRun = (): string => randomBytes(6).toString('hex');

/** Refused, since following the link would create a file that nobody named. */
export const LINK_TO_NOWHERE = 'a link to a file that does not exist';

/** The message for a dead-letter path that leads to something else. */
export const foreignDeadLetters = (path: string, found: string): string =>
  `expected a new file, an empty file or a dead-letter file, found "${path}", which is ${found}; ` +
  'nothing was written to it: choose another path, or move it away';

function notOurs(path: string, found: string): PipelineError {
  return new PipelineError('OUTPUT_EXISTS', `deadLetter.path: ${foreignDeadLetters(path, found)}`);
}
