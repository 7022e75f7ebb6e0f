import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { PipelineError } from '../core/errors.js';
import { errnoCode, lacksRoom } from '../core/output-error.js';
import { randomId } from '../core/random-id.js';
import type { FileSystem } from '../outputs/disk/file-system.js';
import type { FolderSyncs } from '../outputs/disk/folder-syncs.js';
import type { Logger } from '../telemetry/logger.js';
import { encodeFrame, FrameReader } from './log-frames.js';
import { DAMAGED_HINT, storeFailed, storeInvalid, storeLost } from './store-failures.js';

export const LOG_NAME = 'jobs.log';
/** What a crash has left of a file that was to take the place of the log. */
export const isTemporaryLog = (name: string): boolean => /^jobs\.log\.[0-9a-z]{20}\.new$/.test(name);
/** Records hold specs, and these may hold credentials. */
export const FILE_MODE = 0o600;

const HEADER = /^tickloom-jobs (\d{1,9})\n/;
const HEADER_BYTES_MAX = 24;
const CHUNK_BYTES = 1_048_576;

/** What goes with the folder of a store. */
export interface LogPlace {
  readonly folder: string;
  readonly fs: FileSystem;
  readonly folderSyncs: FolderSyncs;
  readonly log: Logger;
}

/** What a log holds. */
export interface LogContent {
  readonly version: number;
  /** Where the last whole write ends. */
  readonly end: number;
  /** Bytes behind it, of a write that was not completed. */
  readonly tornBytes: number;
}

/**
 * Reads a log from its beginning, a chunk at a time. Changes nothing.
 *
 * @param onFrame - Called for each write, with its offset.
 * @returns `undefined` if there is no log.
 * @throws {PipelineError} `STORE_INVALID` with file and byte, `STORE_NEWER`, `STORE_FAILED`.
 */
export async function readLog(
  { folder, fs }: Pick<LogPlace, 'folder' | 'fs'>,
  newest: number,
  onFrame: (json: string, offset: number) => void,
): Promise<LogContent | undefined> {
  const path = join(folder, LOG_NAME);
  let handle: FileHandle;
  try {
    handle = await fs.open(path, 'r');
  } catch (error) {
    if (errnoCode(error) === 'ENOENT') return undefined;
    throw storeFailed('open', path, error);
  }
  try {
    return await readFrom(handle, path, newest, onFrame);
  } catch (error) {
    throw error instanceof PipelineError ? error : storeFailed('read', path, error);
  } finally {
    await handle.close().catch(() => undefined);
  }
}

async function readFrom(
  handle: FileHandle,
  path: string,
  newest: number,
  onFrame: (json: string, offset: number) => void,
): Promise<LogContent> {
  const head = await chunkAt(handle, 0, HEADER_BYTES_MAX);
  const found = HEADER.exec(head.toString('latin1'));
  const version = Number(found?.[1]);
  if (!found || version < 1) {
    const isEmpty = head.length === 0;
    throw storeInvalid(
      `"${path}": byte 0`,
      'a first line "tickloom-jobs <version>"',
      isEmpty ? 'nothing: the file is empty' : 'another',
      isEmpty ? 'move it out of this folder to begin anew, or put back a copy of the folder' : DAMAGED_HINT,
    );
  }
  if (version > newest) {
    throw new PipelineError(
      'STORE_NEWER',
      `"${path}": expected a store of version ${newest}, which this release knows, or an earlier one, found version ` +
        `${version}; use the release that wrote it, or a newer one`,
    );
  }
  const reader = new FrameReader(found[0].length, onFrame);
  for (let at = found[0].length; ; ) {
    const chunk = await chunkAt(handle, at, CHUNK_BYTES);
    if (chunk.length === 0) break;
    reader.push(chunk);
    if (reader.damagedAt !== undefined) break;
    at += chunk.length;
  }
  const tornBytes = reader.finish();
  if (reader.damagedAt !== undefined) {
    throw storeInvalid(
      `"${path}": byte ${reader.damagedAt}`,
      'a record of the length and checksum that it names',
      'another, with more behind it',
      DAMAGED_HINT,
    );
  }
  return { version, end: reader.end, tornBytes };
}

async function chunkAt(handle: FileHandle, at: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length);
  const { bytesRead } = await handle.read(buffer, 0, length, at);
  return buffer.subarray(0, bytesRead);
}

/**
 * The file that a store appends to. Its calls run one after another; the caller sees to that.
 *
 * Each failure is `STORE_FAILED`. After a `StoreLostError`, nobody knows what is on the disk, and nothing more may be
 * written. Any other one has changed nothing.
 */
export class RecordLog {
  readonly #path: string;
  #handle: FileHandle;
  #end: number;

  private constructor(path: string, handle: FileHandle, end: number) {
    this.#path = path;
    this.#handle = handle;
    this.#end = end;
  }

  /** Bytes of the file. */
  get bytes(): number {
    return this.#end;
  }

  /** Opens the log of a store to append, and cuts off what was not completed. */
  static async append(place: LogPlace, { end, tornBytes }: LogContent): Promise<RecordLog> {
    const path = join(place.folder, LOG_NAME);
    const handle = await place.fs.open(path, 'r+').catch((error: unknown) => {
      throw storeFailed('open', path, error);
    });
    const log = new RecordLog(path, handle, end);
    try {
      await log.#cutBack(tornBytes > 0);
      // The name, too: whoever made the file may have died before that.
      await place.folderSyncs.sync(place.folder, place.log);
      return log;
    } catch (error) {
      await log.close();
      throw storeLost(path, error);
    }
  }

  /**
   * Makes a log of these frames in the place of the one that is there, if any: a new file, synced, takes its name.
   * A crash leaves either of them whole.
   */
  static async write(place: LogPlace, version: number, frames: Iterable<string>): Promise<RecordLog> {
    const { folder, fs } = place;
    const path = join(folder, LOG_NAME);
    const temporary = `${path}.${randomId()}.new`;
    const handle = await fs.open(temporary, 'wx', FILE_MODE).catch((error: unknown) => {
      throw storeFailed('create', temporary, error);
    });
    const log = new RecordLog(path, handle, 0);
    try {
      await log.#write(Buffer.from(`tickloom-jobs ${version}\n`, 'latin1'));
      for (const json of frames) await log.#write(encodeFrame(json));
      await handle.datasync().catch((error: unknown) => {
        throw storeLost(temporary, error);
      });
      await fs.rename(temporary, path);
    } catch (error) {
      await log.close();
      await fs.unlink(temporary).catch(() => undefined);
      throw storeFailed('write', temporary, error);
    }
    try {
      await place.folderSyncs.sync(folder, place.log);
      return log;
    } catch (error) {
      await log.close();
      throw storeLost(path, error);
    }
  }

  /** Appends one frame, and resolves when it is durable. */
  async append(json: string): Promise<void> {
    const before = this.#end;
    try {
      await this.#write(encodeFrame(json));
    } catch (error) {
      if (!lacksRoom(error)) throw storeLost(this.#path, error);
      this.#end = before;
      await this.#cutBack(true);
      throw storeFailed('write', this.#path, error);
    }
    await this.#sync();
  }

  /** Frees the file. What was appended is durable already. */
  async close(): Promise<void> {
    await this.#handle.close().catch(() => undefined);
  }

  async #write(bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      const { bytesWritten } = await this.#handle.write(bytes, at, bytes.length - at, this.#end);
      at += bytesWritten;
      this.#end += bytesWritten;
    }
  }

  /** So that one write at most is torn, the cut is durable before the next one begins. */
  async #cutBack(isTorn: boolean): Promise<void> {
    if (!isTorn) return;
    try {
      await this.#handle.truncate(this.#end);
    } catch (error) {
      throw storeLost(this.#path, error);
    }
    await this.#sync();
  }

  async #sync(): Promise<void> {
    try {
      await this.#handle.datasync();
    } catch (error) {
      throw storeLost(this.#path, error);
    }
  }
}
