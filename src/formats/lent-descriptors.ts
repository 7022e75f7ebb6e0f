import type { Stats } from 'node:fs';
import * as nodeFs from 'node:fs/promises';
import { PipelineError } from '../core/errors.js';
import { fileKind, READ_WITHOUT_WAIT } from '../core/file-kind.js';

/** File descriptors that one replay may hold at once. */
export const DESCRIPTORS_MAX = 64;
/** How many of these are lent: opened for one chunk, and closed again. */
const LENT_MAX = 8;
const KEPT_MAX = DESCRIPTORS_MAX - LENT_MAX;

export type OpensFiles = Pick<typeof nodeFs, 'open'>;

/**
 * Shares at most 64 descriptors among any number of files that are read in chunks. Files keep their own
 * descriptor while there are some left; the others borrow one for each chunk.
 */
export class Descriptors {
  readonly #fs: OpensFiles;
  #kept = 0;
  #lent = 0;
  readonly #waiting: (() => void)[] = [];

  /** @param fs - Replaced in tests. */
  constructor(fs: OpensFiles = nodeFs) {
    this.#fs = fs;
  }

  /**
   * @throws System errors, such as ENOENT and EACCES.
   * @throws {PipelineError} `INPUT_UNREADABLE` if it is not a file.
   */
  async open(path: string): Promise<LentFile> {
    const kept = this.tryKeep();
    if (!kept) await this.borrow();
    let handle: nodeFs.FileHandle | undefined;
    let isOpen = false;
    try {
      handle = await this.#fs.open(path, READ_WITHOUT_WAIT);
      const found = await handle.stat();
      if (!found.isFile()) throw notAFile(path, found);
      isOpen = kept;
      return new LentFile(path, {
        descriptors: this,
        handle: kept ? handle : undefined,
        ...identityOf(found),
      });
    } finally {
      if (!isOpen) {
        await handle?.close();
        if (kept) this.endKeep();
        else this.giveBack();
      }
    }
  }

  /** Opens a file again, which must be the same one. */
  async reopen(path: string, identity: FileIdentity): Promise<nodeFs.FileHandle> {
    const handle = await this.#fs.open(path, READ_WITHOUT_WAIT);
    try {
      checkSame(path, identity, await handle.stat());
      return handle;
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Reserves a descriptor for as long as a file is open. @returns Whether there was one left. */
  tryKeep(): boolean {
    if (this.#kept === KEPT_MAX) return false;
    this.#kept++;
    return true;
  }

  endKeep(): void {
    this.#kept--;
  }

  /** Reserves a descriptor for one read; waits until there is one. */
  async borrow(): Promise<void> {
    if (this.#lent < LENT_MAX) this.#lent++;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  giveBack(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#lent--;
  }
}

/** The error for an input that is no file. Give what `stat` says of it. */
export function notAFile(path: string, found: Stats): PipelineError {
  const advice = found.isFIFO()
    ? '. A pipe can be read only once, and a replay reads a file several times: write it to a file first'
    : '';
  return new PipelineError('INPUT_UNREADABLE', `${path}: expected a file, found ${fileKind(found)}${advice}`);
}

/** Identifies a file; a change of its size counts as another file. */
export interface FileIdentity {
  readonly dev: number;
  readonly ino: number;
  readonly size: number;
}

/** @throws {PipelineError} `INPUT_UNREADABLE` if a file is not the same as before. */
export function checkSame(path: string, before: FileIdentity, found: FileIdentity): void {
  const isSameFile = found.dev === before.dev && found.ino === before.ino;
  if (isSameFile && found.size === before.size) return;
  throw new PipelineError(
    'INPUT_UNREADABLE',
    `${path}: expected the file of ${before.size} bytes whose rows are being read, ` +
      `found ${isSameFile ? `one of ${found.size} bytes` : 'another file'}; ` +
      'leave input files as they are until the job has ended',
  );
}

const identityOf = ({ dev, ino, size }: FileIdentity): FileIdentity => ({ dev, ino, size });

/** A file that is open to its reader, even while it has no descriptor. */
export class LentFile {
  readonly path: string;
  readonly #descriptors: Descriptors;
  readonly #identity: FileIdentity;
  #handle: nodeFs.FileHandle | undefined;
  #reading: Promise<number> | undefined;
  #isClosed = false;

  constructor(
    path: string,
    {
      descriptors,
      handle,
      ...identity
    }: FileIdentity & { descriptors: Descriptors; handle: nodeFs.FileHandle | undefined },
  ) {
    this.path = path;
    this.#descriptors = descriptors;
    this.#handle = handle;
    this.#identity = identity;
  }

  /** Whether it has its own descriptor, so that a read need not open the file. */
  get hasDescriptor(): boolean {
    return this.#handle !== undefined;
  }

  /** The file, as it was when first opened. */
  get identity(): FileIdentity {
    return this.#identity;
  }

  /** Size in bytes: now if it has a descriptor, otherwise when it was opened. */
  async size(): Promise<number> {
    return this.#handle ? (await this.#handle.stat()).size : this.#identity.size;
  }

  /**
   * Reads from an offset; only one call at a time.
   * @returns Bytes read: 0 at the end, and after `close`.
   * @throws {PipelineError} `INPUT_UNREADABLE` if another file has replaced it.
   */
  async read(buffer: Uint8Array, at: number): Promise<number> {
    if (this.#isClosed) return 0;
    this.#reading = this.#handle ? readAt(this.#handle, buffer, at) : this.#readLent(buffer, at);
    try {
      return await this.#reading;
    } finally {
      this.#reading = undefined;
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#reading?.catch(() => {}); // reported to the caller of `read`
    if (!this.#handle) return;
    const handle = this.#handle;
    this.#handle = undefined;
    try {
      await handle.close();
    } finally {
      this.#descriptors.endKeep();
    }
  }

  async #readLent(buffer: Uint8Array, at: number): Promise<number> {
    if (at >= this.#identity.size) return 0;
    const descriptors = this.#descriptors;
    if (descriptors.tryKeep()) {
      try {
        this.#handle = await descriptors.reopen(this.path, this.#identity);
      } catch (error) {
        descriptors.endKeep();
        throw error;
      }
      return readAt(this.#handle, buffer, at);
    }
    await descriptors.borrow();
    try {
      const handle = await descriptors.reopen(this.path, this.#identity);
      try {
        return await readAt(handle, buffer, at);
      } finally {
        await handle.close();
      }
    } finally {
      descriptors.giveBack();
    }
  }
}

async function readAt(handle: nodeFs.FileHandle, buffer: Uint8Array, at: number): Promise<number> {
  const { bytesRead } = await handle.read(buffer, 0, buffer.length, at);
  return bytesRead;
}
