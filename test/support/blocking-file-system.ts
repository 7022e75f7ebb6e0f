import * as fs from 'node:fs';
import type { FileHandle } from 'node:fs/promises';

/**
 * The real file system by the names of `node:fs/promises`, each call done before it returns: most of
 * what a small call costs there is its way to a thread and back. Two runs at once take turns.
 */
export const blockingFileSystem = {
  mkdir: async (path: string, options?: fs.MakeDirectoryOptions) => fs.mkdirSync(path, options),
  open: async (path: string, flags: string | number = 'r', mode?: number) =>
    new BlockingHandle(fs.openSync(path, flags, mode)) as unknown as FileHandle, // as far as tests use one
  rename: async (from: string, to: string) => fs.renameSync(from, to),
  link: async (from: string, to: string) => fs.linkSync(from, to),
  unlink: async (path: string) => fs.unlinkSync(path),
  rmdir: async (path: string) => fs.rmdirSync(path),
  rm: async (path: string, options?: fs.RmOptions) => fs.rmSync(path, options),
  readdir: async (path: string) => fs.readdirSync(path),
  readFile: async (path: string, options?: BufferEncoding | { encoding?: BufferEncoding; flag?: string }) =>
    fs.readFileSync(path, options),
  stat: async (path: string) => fs.statSync(path),
  lstat: async (path: string) => fs.lstatSync(path),
  realpath: async (path: string) => fs.realpathSync.native(path),
  copyFile: async (from: string, to: string, mode?: number) => fs.copyFileSync(from, to, mode),
  truncate: async (path: string, length?: number) => fs.truncateSync(path, length),
};

/** The calls of a `FileHandle` that outputs make. */
class BlockingHandle {
  #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
  }

  get fd(): number {
    return this.#fd;
  }

  async read(buffer: Uint8Array, offset: number, length: number, position: number | null = null) {
    return { bytesRead: fs.readSync(this.#fd, buffer, offset, length, position), buffer };
  }

  async write(bytes: Uint8Array, offset = 0, length = bytes.length - offset, position: number | null = null) {
    return { bytesWritten: fs.writeSync(this.#fd, bytes, offset, length, position), buffer: bytes };
  }

  async writeFile(content: string | Uint8Array): Promise<void> {
    fs.writeFileSync(this.#fd, content);
  }

  async stat(): Promise<fs.Stats> {
    return fs.fstatSync(this.#fd);
  }

  async truncate(length?: number): Promise<void> {
    fs.ftruncateSync(this.#fd, length);
  }

  async sync(): Promise<void> {
    fs.fsyncSync(this.#fd);
  }

  async datasync(): Promise<void> {
    fs.fdatasyncSync(this.#fd);
  }

  /** Once: the number may be that of another file afterwards. */
  async close(): Promise<void> {
    if (this.#fd < 0) return;
    const fd = this.#fd;
    this.#fd = -1;
    fs.closeSync(fd);
  }
}
