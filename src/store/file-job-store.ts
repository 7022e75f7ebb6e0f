import * as nodeFs from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { assertClock, assertMapping } from '../core/assert-argument.js';
import { type Clock, systemClock } from '../core/clock.js';
import { PipelineError } from '../core/errors.js';
import { makeDirectory, parentsToSync } from '../core/make-directory.js';
import { describeValue } from '../core/shown-text.js';
import type { FileSystem } from '../outputs/disk/file-system.js';
import { FolderSyncs } from '../outputs/disk/folder-syncs.js';
import type { RunOwner } from '../outputs/runs/run-owner.js';
import { type Logger, silentLogger } from '../telemetry/logger.js';
import { GroupCommits } from './group-commits.js';
import type { JobRecord, JobStore, ScheduleRecord, StoredJobs } from './job-store.js';
import type { LeaseStore } from './lease-store.js';
import { LeaseTable, type StoredLease } from './lease-table.js';
import { MIGRATIONS, type Migration, migrated, versionAfter } from './migrations.js';
import { LOG_NAME, type LogPlace, RecordLog, readLog } from './record-log.js';
import type { RecordKind } from './record-schemas.js';
import { checkKey, invalidCall, StoreLostError, storeFailed } from './store-failures.js';
import { CHECKPOINTS_NAME, checkFolder, isLeftover } from './store-folder-names.js';
import { StoreLock } from './store-lock.js';
import {
  applyWrite,
  checkEntries,
  decodeRecord,
  type EntryChange,
  encodeChange,
  encodeChanges,
  encodeRecord,
  type StoredEntries,
  slotOf,
} from './stored-entries.js';

/** What goes with the folder of a store. */
export interface FileJobStoreOptions {
  /** For warnings: that the end of the file was cut off, say. */
  readonly log?: Logger | undefined;
  /** Measures the time of leases. Default: that of the system. */
  readonly clock?: Clock | undefined;
  /** @internal For tests. */
  readonly fs?: FileSystem | undefined;
  /** @internal For tests. */
  readonly here?: RunOwner | undefined;
  /** @internal For tests. */
  readonly migrations?: readonly Migration[] | undefined;
  /** @internal For tests: bytes from which on the file is written anew. */
  readonly rewriteBytesMin?: number | undefined;
}

/** Bytes below which the file is not written anew, however little of it counts. */
const REWRITE_BYTES_MIN = 1_048_576;
/** It is written anew once it is so many times as large as what counts of it. */
const REWRITE_FACTOR = 4;
/** Characters of all records, and of one of them. */
const STORE_CHARS_MAX = 256 * 1_048_576;
const RECORD_CHARS_MAX = 8 * 1_048_576;
const FOLDER_MODE = 0o700;

/**
 * Keeps jobs, schedules and leases in a folder, on a local file system with hard links: `jobs.log`, to which each
 * change is appended, and a file that says whose store it is. `checkpoints/` in it is for a `FileCheckpointStore`.
 *
 * One thread has it at a time; the first call takes it (`STORE_IN_USE` if somebody else has it). Changes of one turn of
 * the event loop, and those that come during a write, share the next write and sync. Records are as large as 8 MiB, and
 * 256 MiB in all. The folder is for its user alone, since specs may hold credentials.
 *
 * What was acknowledged is there after a crash of process or machine. A write that was cut short is removed as a whole
 * when the store is opened. Damage is refused (`STORE_INVALID`). The reasons are in docs/decisions/0059.
 */
export class FileJobStore implements JobStore {
  readonly #place: LogPlace;
  readonly #migrations: readonly Migration[];
  readonly #here: RunOwner | undefined;
  readonly #rewriteBytesMin: number;
  readonly #leases: LeaseTable;
  readonly #commits = new GroupCommits((changes) => this.#commit(changes));
  /** What is on the disk. */
  #entries: StoredEntries = new Map();
  #chars = 0;
  #opening: Promise<void> | undefined;
  #lock: StoreLock | undefined;
  #log: RecordLog | undefined;
  #failure: PipelineError | undefined;
  #isClosed = false;
  /** Size from which on the file is written anew, if that has failed before. */
  #rewriteFrom = 0;

  /**
   * @param folder - Created by the first call if it does not exist.
   * @throws {InvalidOptionsError} if it is not a path, or the options are none.
   */
  constructor(folder: string, options: FileJobStoreOptions = {}) {
    assertMapping('FileJobStore', options);
    if (typeof folder !== 'string' || folder === '') {
      throw invalidCall(
        `folder: expected a path, found ${folder === '' ? 'an empty text' : describeValue(folder)}`,
      );
    }
    const { fs = nodeFs, log = silentLogger, clock = systemClock } = options;
    assertClock('FileJobStore', clock);
    this.#place = { folder: resolve(folder), fs, log, folderSyncs: new FolderSyncs(fs, 'records of jobs') };
    this.#migrations = options.migrations ?? MIGRATIONS;
    this.#here = options.here;
    this.#rewriteBytesMin = options.rewriteBytesMin ?? REWRITE_BYTES_MIN;
    this.#leases = new LeaseTable(clock, {
      put: (lease) => this.#put('lease', lease.job, lease),
      open: () => this.#openToUse(),
    });
  }

  /** Leases of jobs, whose epochs are kept in this store. */
  get leases(): LeaseStore {
    return this.#leases;
  }

  /** Where the checkpoints of its jobs belong. */
  get checkpointFolder(): string {
    return join(this.#place.folder, CHECKPOINTS_NAME);
  }

  /** Gives all that is kept; opens the store if no call has. */
  async load(): Promise<StoredJobs> {
    await this.#openToUse();
    await this.#commits.settled();
    return storedJobs(this.#entries);
  }

  async putJob(record: JobRecord): Promise<void> {
    assertMapping('job store', record);
    await this.#put('job', record.id, record);
  }

  /** Removes the record of that id, if there is one. Its lease goes with it: the id of a job is never used again. */
  async deleteJob(id: string): Promise<void> {
    checkKey('id', id);
    await this.#change([
      { kind: 'job', key: id, text: undefined },
      { kind: 'lease', key: id, text: undefined },
    ]);
    this.#leases.forget(id);
  }

  async putSchedule(record: ScheduleRecord): Promise<void> {
    assertMapping('job store', record);
    await this.#put('schedule', record.name, record);
  }

  /** Removes the record of that name, if there is one. */
  async deleteSchedule(name: string): Promise<void> {
    checkKey('name', name);
    await this.#change([{ kind: 'schedule', key: name, text: undefined }]);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#opening?.catch(() => undefined);
    await this.#commits.settled();
    await this.#log?.close();
    await this.#lock?.release();
    this.#log = undefined;
    this.#lock = undefined;
  }

  async #put(kind: RecordKind, key: string, record: object): Promise<void> {
    const text = encodeRecord(kind, key, record);
    if (text.length > RECORD_CHARS_MAX) {
      throw invalidCall(
        `${kind} "${key}": expected a record of at most ${RECORD_CHARS_MAX} characters, found ${text.length}`,
      );
    }
    await this.#change([{ kind, key, text }]);
  }

  async #change(changes: readonly EntryChange[]): Promise<void> {
    this.#assertUsable();
    await this.#commits.add(changes);
  }

  #assertUsable(): void {
    if (this.#failure) throw this.#failure;
    if (this.#isClosed) {
      const { folder } = this.#place;
      throw new PipelineError('STORE_FAILED', `"${folder}": the store was closed; open it anew`);
    }
  }

  async #openToUse(): Promise<void> {
    this.#assertUsable();
    await this.#open();
  }

  /** Opens it once. A store that could not be opened is tried again by the next call. */
  async #open(): Promise<void> {
    this.#opening ??= this.#openNow().catch(async (error: unknown) => {
      this.#opening = undefined;
      await this.#lock?.release();
      this.#lock = undefined;
      throw error;
    });
    await this.#opening;
  }

  async #openNow(): Promise<void> {
    const { folder, fs, log, folderSyncs } = this.#place;
    try {
      const mkdir = (path: string) => fs.mkdir(path, path === folder ? { mode: FOLDER_MODE } : {});
      const made = await makeDirectory({ mkdir, stat: fs.stat }, folder);
      for (const parent of parentsToSync(folder, made)) await folderSyncs.sync(parent, log);
    } catch (error) {
      throw storeFailed('open', folder, error);
    }
    checkFolder(folder, await this.#names());
    this.#lock = await StoreLock.take(folder, fs, this.#here);
    const { entries, opened } = await this.#readAll();
    this.#entries = entries;
    this.#chars = [...entries.values()].reduce((sum, { text }) => sum + text.length, 0);
    this.#log = await opened();
    this.#leases.restore(leasesIn(entries));
  }

  /** @returns What the file has, and what opens it for appending. */
  async #readAll(): Promise<{ readonly entries: StoredEntries; readonly opened: () => Promise<RecordLog> }> {
    const { folder, fs, log } = this.#place;
    const file = join(folder, LOG_NAME);
    const newest = versionAfter(this.#migrations);
    const found: StoredEntries = new Map();
    const content = await readLog(this.#place, newest, (json, at) => applyWrite(found, json, at, file));
    const entries = migrated(found, content?.version ?? newest, this.#migrations);
    checkEntries(entries, file);
    for (const name of (await this.#names()).filter(isLeftover)) {
      await fs.unlink(join(folder, name)).catch(() => undefined);
    }
    if (!content || content.version < newest) {
      if (content)
        log.warn({ file, from: content.version, to: newest }, 'the store of jobs is brought up to date');
      return { entries, opened: () => RecordLog.write(this.#place, newest, framesOf(entries)) };
    }
    if (content.tornBytes > 0) {
      const { tornBytes: bytes, end: at } = content;
      log.warn({ file, bytes, at }, 'a write that was cut short is removed from the store of jobs');
    }
    return { entries, opened: () => RecordLog.append(this.#place, content) };
  }

  async #names(): Promise<readonly string[]> {
    const { folder, fs } = this.#place;
    return fs.readdir(folder).catch((error: unknown) => {
      throw storeFailed('read', folder, error);
    });
  }

  async #commit(changes: readonly EntryChange[]): Promise<void> {
    await this.#open();
    if (this.#failure) throw this.#failure;
    const log = this.#log!; // it is open until all changes have settled
    const chars = changes.reduce((sum, change) => sum + this.#charsMore(change), this.#chars);
    if (chars > STORE_CHARS_MAX && chars > this.#chars) {
      throw new PipelineError(
        'STORE_FAILED',
        `"${this.#place.folder}": expected records of at most ${STORE_CHARS_MAX} characters in all, found ${chars}; ` +
          'delete jobs that have ended',
        { retryable: true },
      );
    }
    const at = log.bytes;
    try {
      await log.append(encodeChanges(changes));
    } catch (error) {
      throw this.#failed(error);
    }
    for (const { kind, key, text } of changes) {
      const slot = slotOf(kind, key);
      if (text === undefined) this.#entries.delete(slot);
      else this.#entries.set(slot, { kind, key, text, at });
    }
    this.#chars = chars;
    await this.#rewriteIfLarge(log);
  }

  #charsMore({ kind, key, text }: EntryChange): number {
    return (text?.length ?? 0) - (this.#entries.get(slotOf(kind, key))?.text.length ?? 0);
  }

  /** The change that has led to it is durable already, so a full disk is no failure of it. */
  async #rewriteIfLarge(log: RecordLog): Promise<void> {
    const { bytes } = log;
    const isLarge = bytes > this.#rewriteBytesMin && bytes > REWRITE_FACTOR * this.#chars;
    if (!isLarge || bytes < this.#rewriteFrom) return;
    try {
      this.#log = await RecordLog.write(this.#place, versionAfter(this.#migrations), framesOf(this.#entries));
      this.#rewriteFrom = 0;
      await log.close();
    } catch (error) {
      this.#rewriteFrom = 2 * bytes;
      this.#failed(error);
      this.#place.log.warn({ err: error }, 'the store of jobs could not be written anew');
    }
  }

  /** @returns The error; after one that leaves open what is on the disk, nothing more is written. */
  #failed(error: unknown): unknown {
    if (error instanceof StoreLostError) this.#failure = error;
    return error;
  }
}

/** Characters that share a frame of a file that is written anew. */
const FRAME_CHARS = 262_144;

function* framesOf(entries: StoredEntries): Generator<string> {
  let changes: string[] = [];
  let chars = 0;
  for (const entry of entries.values()) {
    const change = encodeChange(entry);
    changes.push(change);
    chars += change.length;
    if (chars < FRAME_CHARS) continue;
    yield `[${changes.join(',')}]`;
    changes = [];
    chars = 0;
  }
  if (changes.length > 0) yield `[${changes.join(',')}]`;
}

/** Jobs and schedules among the entries of a store. They were checked. */
export function storedJobs(entries: StoredEntries): StoredJobs {
  const jobs: JobRecord[] = [];
  const schedules: ScheduleRecord[] = [];
  for (const entry of entries.values()) {
    const record: unknown = decodeRecord(entry);
    if (entry.kind === 'job') jobs.push(record as JobRecord);
    else if (entry.kind === 'schedule') schedules.push(record as ScheduleRecord);
  }
  return { jobs: jobs.sort((a, b) => a.sequence - b.sequence), schedules };
}

const leasesIn = (entries: StoredEntries): readonly StoredLease[] =>
  [...entries.values()]
    .filter(({ kind }) => kind === 'lease')
    .map((entry) => decodeRecord(entry) as unknown as StoredLease); // checked when it was read
