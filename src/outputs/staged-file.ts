import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { outputFailed, syncFailed } from '../core/output-error.js';
import { inSyncTurn } from '../protocol/sync-gate.js';
import type { Disk } from './disk.js';

/** A file that is written where no reader looks, and takes its place with all its bytes, or never. */
export class StagedFile {
  readonly path: string;
  /** Where it is to stand, for messages. */
  readonly final: string;
  /** Tells it from any other file, whatever its name. */
  readonly inode: number;
  readonly #disk: Disk;
  #handle: FileHandle | undefined;
  #bytes: number;

  private constructor(
    disk: Disk,
    handle: FileHandle,
    path: string,
    final: string,
    inode: number,
    bytes: number,
  ) {
    this.#disk = disk;
    this.#handle = handle;
    this.path = path;
    this.final = final;
    this.inode = inode;
    this.#bytes = bytes;
  }

  /**
   * @param bytes - Of a file of ours that was put there to be gone on with; without it, none may be there.
   * @throws What the file system throws.
   */
  static async open(disk: Disk, path: string, final: string, bytes?: number): Promise<StagedFile> {
    const goOn = constants.O_WRONLY | constants.O_APPEND | (constants.O_NOFOLLOW ?? 0);
    const handle = await disk.fs.open(path, bytes === undefined ? 'wx' : goOn);
    try {
      return new StagedFile(disk, handle, path, final, (await handle.stat()).ino, bytes ?? 0);
    } catch (error) {
      await handle.close().catch(() => undefined);
      throw error;
    }
  }

  /** Written so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * The memory may be used again once the promise has settled. While the disk is full, that waits for
   * room, and so does whoever writes.
   */
  async write(bytes: Uint8Array): Promise<void> {
    await this.#disk.room.writeAll(bytes, { path: this.final, doing: 'write' }, async (at) => {
      const { bytesWritten } = await this.#opened().write(bytes, at, bytes.length - at);
      return bytesWritten;
    });
    this.#bytes += bytes.length;
  }

  /** Puts all bytes on the disk; more may follow. */
  async sync(): Promise<void> {
    const handle = this.#opened();
    try {
      await inSyncTurn(() => handle.sync());
    } catch (error) {
      throw syncFailed(this.final, error);
    }
  }

  /** Puts all bytes on the disk, and takes no more. */
  async seal(): Promise<void> {
    await this.sync();
    const handle = this.#opened();
    this.#handle = undefined;
    try {
      await handle.close();
    } catch (error) {
      throw outputFailed('write', this.final, error);
    }
  }

  /** Lets go of it; it stays where it is. Does not throw. */
  async close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close().catch(() => undefined);
  }

  #opened(): FileHandle {
    if (!this.#handle) throw outputFailed('write', this.final, new Error('the file is closed'));
    return this.#handle;
  }
}
