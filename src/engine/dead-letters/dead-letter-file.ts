import { randomBytes } from 'node:crypto';
import * as nodeFs from 'node:fs/promises';
import { type BadRow, PipelineError } from '../../core/errors.js';
import { invariant } from '../../core/invariant.js';
import { outputFailed, syncFailed } from '../../core/output-error.js';
import type { PlainData } from '../../core/plain-data.js';
import { FolderSyncs } from '../../outputs/disk/folder-syncs.js';
import { inSyncTurn } from '../../shared-memory/sync-turns.js';
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
import { LetterWrites, type RoomForWrites } from './letter-writes.js';
import { type DeadLetterFileSystem, openDeadLetters } from './open-dead-letters.js';
import { SourceLetters } from './source-letters.js';
import { UnsyncedLetters } from './unsynced-letters.js';

/** Characters that checkpoints say before the file is synced, behind the flow. */
const UNSYNCED_MAX = 262_144;

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

/**
 * Keeps bad rows in a file, one JSON object per line: {run, ordinal, file, line, field, expected,
 * found, raw}. Rows are appended, so rows of other runs stay. Each row is written at least once: after a
 * crash it may be there twice, with the same run and ordinal.
 */
export class DeadLetterFile implements KeptRejects {
  readonly keepsRows = true;
  readonly path: string;
  readonly #maxRows: number;
  readonly #fs: DeadLetterFileSystem;
  #run = newRun();
  #handle: nodeFs.FileHandle | undefined;
  #count = 0;
  /** The last ordinal that was assigned. */
  #ordinal = 0;
  /** For a resumed run: letters of an earlier start whose rows may be added again. */
  #earlier: EarlierLetters | undefined;
  #cut: LetterCut | undefined;
  /** Whether the file existed before. */
  #isStanding = false;
  /** Folders to sync, so that the name of the file is durable. */
  #foldersToSync: readonly string[] = [];
  readonly #folderSyncs: FolderSyncs;
  readonly #log: Logger;
  readonly #unsynced = new UnsyncedLetters();
  readonly #unsyncedMax: number;
  readonly #writes: LetterWrites;
  /** Checkpoints are taken: they say what is not on the disk. */
  #isSaid = false;
  #isSyncing = false;
  #lastSync: Promise<void> = Promise.resolve();
  /** Of the first sync that failed: all later ones, and all checkpoints, fail with it. */
  #syncFailure: PipelineError | undefined;

  /** @param fs - For tests. */
  constructor(
    { path, maxRows, room, log = silentLogger, unsyncedMax = UNSYNCED_MAX }: DeadLetterOptions,
    fs: DeadLetterFileSystem = nodeFs,
  ) {
    this.path = path;
    this.#maxRows = maxRows;
    this.#unsyncedMax = unsyncedMax;
    this.#fs = fs;
    this.#folderSyncs = new FolderSyncs(fs, 'dead letters');
    this.#log = log;
    this.#writes = new LetterWrites({ path, room, unsynced: this.#unsynced, handle: () => this.#opened() });
  }

  /**
   * Creates the file and its folder, so that a path that cannot be written is reported before the first
   * row is read. A run that rejects nothing leaves an empty file, or the existing file unchanged.
   *
   * @throws {PipelineError} `OUTPUT_EXISTS` if the file does not hold dead letters; `OUTPUT_FAILED`.
   */
  async open(): Promise<void> {
    const { handle, foldersToSync, standing } = await openDeadLetters(this.#fs, this.path);
    this.#foldersToSync = foldersToSync;
    this.#handle = handle;
    if (!standing) return;
    this.#writes.beginAt(standing.bytes, standing.isCutOff);
    this.#unsynced.begin(standing.bytes);
    this.#isStanding = true;
  }

  /** Number of rows of this run. */
  get count(): number {
    return this.#count;
  }

  /** Offset in the file before which no letter that is added from now on begins. */
  get bytes(): number {
    return this.#writes.bytes;
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
    return { ordinal: this.#ordinal, count: this.#count, bytes: this.#writes.bytes, earlier };
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
      for (const letter of lost) this.#writes.append(`${letter}\n`);
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
    this.#writes.writeMany();
    this.#count++;
    const earlier = this.#earlier?.take(content);
    const ordinal = earlier ?? ++this.#ordinal;
    const letter = `{"run":${JSON.stringify(this.#run)},"ordinal":${ordinal},${content}\n`;
    if (this.#earlier && earlier !== undefined) {
      this.#unsynced.addEarlier(letter, this.#earlier.bytes); // it stands there, on the disk or not
      return ordinal;
    }
    this.#unsynced.add(letter);
    this.#writes.append(letter);
    return ordinal;
  }

  /** @throws {PipelineError} `OUTPUT_FAILED`, a full disk for one where nothing waits for room. */
  async flush(): Promise<void> {
    await this.#writes.flush();
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
    const done = this.#unsynced.beginSync(this.#writes.bytes);
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

  #opened(): nodeFs.FileHandle {
    invariant(this.#handle !== undefined, 'a dead-letter file is open while rows are written to it');
    return this.#handle;
  }
}

const linesOf = (text = '', isWanted: (line: string) => boolean): readonly string[] =>
  text.split('\n').filter((line) => line !== '' && isWanted(line));

const newRun = (): string => randomBytes(6).toString('hex');
