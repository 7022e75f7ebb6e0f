import { PipelineError } from '../core/errors.js';
import { outOfFiles } from '../core/system-limits.js';
import { KernelUnpacker } from './gzip/kernel-unpacker.js';
import { StreamUnpacker } from './gzip/stream-unpacker.js';
import { type EarlierBytes, NotUnderstoodError, type Unpacker } from './gzip/unpacker.js';
import { checkSame, Descriptors, type FileIdentity, type LentFile } from './lent-descriptors.js';

/** Reads a file from the front in chunks; packed files are unpacked. */
export interface FileBytes {
  /** Whether the file is packed. If so, an offset can only be reached by unpacking from the front. */
  readonly isPacked: boolean;
  /** The file, as it was when opened. */
  readonly identity: FileIdentity;
  /**
   * Returns the next chunk, valid until the next call; `null` at the end. After a retryable error, the
   * next call returns the bytes that this one could not.
   */
  next(): Promise<Uint8Array | null>;
  /** Continues at an offset in the unpacked bytes. */
  seek(offset: number): Promise<void>;
  close(): Promise<void>;
}

export interface FileBytesSettings {
  /** Where the descriptor comes from. */
  readonly descriptors?: Descriptors;
  /** Most bytes of a chunk. Those of a plain file begin smaller, and grow while it is read fast. */
  readonly chunkBytes?: number;
  /** Whether the next chunk of a plain file is read while the current one is decoded. */
  readonly readsAhead?: boolean;
  /** The file that was opened before; another file is refused. */
  readonly before?: FileIdentity | undefined;
}

export const CHUNK_BYTES = 262_144;
export const CHUNK_BYTES_MIN = 8_192;
/** Enough for a file that is read at the speed of its times. */
const CHUNK_BYTES_FIRST = 65_536;
/** Chunks that make the next ones twice as large, if they were read within so many milliseconds. */
const FAST_CHUNKS = 16;
const FAST_MS = 1_000;
/** Text grows roughly by this factor when it is unpacked. */
const UNPACKED_MAX = 8;
const GZIP_MAGIC = [0x1f, 0x8b];

/**
 * Opens a plain file or a gzip file, which it recognizes by its first bytes.
 *
 * @throws {PipelineError} `INPUT_MISSING`; or `INPUT_UNREADABLE` if it is not a file, cannot be read, or is
 *   not the same file as before.
 */
export async function openFileBytes(
  path: string,
  {
    descriptors = new Descriptors(),
    chunkBytes = CHUNK_BYTES,
    readsAhead = true,
    before,
  }: FileBytesSettings = {},
): Promise<FileBytes> {
  let file: LentFile | undefined;
  try {
    file = await descriptors.open(path);
    if (before) checkSame(path, before, file.identity);
    // A small file gets a small buffer. One more byte than its size lets the first read find the end.
    const needed = Math.max(CHUNK_BYTES_MIN, file.identity.size + 1);
    const buffer = Buffer.allocUnsafeSlow(Math.min(chunkBytes, CHUNK_BYTES_FIRST, needed));
    const first = buffer.subarray(0, await file.read(buffer, 0));
    const isPacked = GZIP_MAGIC.every((byte, i) => first[i] === byte);
    if (!isPacked) return new PlainBytes(file, buffer, first, Math.min(chunkBytes, needed), readsAhead);
    return new GzipBytes(file, Math.min(chunkBytes, needed * UNPACKED_MAX));
  } catch (error) {
    await file?.close();
    throw error instanceof PipelineError ? error : inputError(path, error);
  }
}

function inputError(path: string, cause: unknown): PipelineError {
  const { code } = cause as NodeJS.ErrnoException;
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new PipelineError('INPUT_MISSING', `${path}: expected a file, found none`, { cause });
  }
  if (code === 'EISDIR') {
    return new PipelineError('INPUT_UNREADABLE', `${path}: expected a file, found a directory`, { cause });
  }
  return new PipelineError(
    'INPUT_UNREADABLE',
    `${path}: expected a file that can be read, found ${foundText(cause)}`,
    {
      cause,
      retryable: code === 'EIO' || code === 'EMFILE' || code === 'ENFILE',
    },
  );
}

/** What was found in place of a file that can be read: the code of the operating system, and what to do. */
export function foundText(cause: unknown): string {
  const { code } = cause as NodeJS.ErrnoException;
  const limit = outOfFiles(cause);
  return limit === undefined ? (code ?? 'an error') : `${code}: ${limit}`;
}

/**
 * Reads a plain file. While one chunk is decoded, the next is read into the other of two buffers, unless
 * the file has no descriptor of its own.
 */
class PlainBytes implements FileBytes {
  readonly isPacked = false;
  readonly #file: LentFile;
  readonly #readsAhead: boolean;
  readonly #buffers: [Uint8Array, Uint8Array | undefined];
  readonly #chunkBytesMax: number;
  #chunkBytes: number;
  #turn: 0 | 1 = 0;
  /** Chunks of this size so far, and when the first of them was read. */
  #chunks = 0;
  #sinceMs = performance.now();
  #offset = 0;
  #ahead: Promise<Uint8Array> | undefined;

  constructor(
    file: LentFile,
    buffer: Uint8Array,
    first: Uint8Array,
    chunkBytesMax: number,
    readsAhead: boolean,
  ) {
    this.#file = file;
    this.#readsAhead = readsAhead;
    this.#buffers = [buffer, undefined];
    this.#chunkBytes = buffer.length;
    this.#chunkBytesMax = chunkBytesMax;
    this.#ahead = Promise.resolve(first);
  }

  get identity(): FileIdentity {
    return this.#file.identity;
  }

  async next(): Promise<Uint8Array | null> {
    const reading = this.#ahead ?? this.#read();
    this.#ahead = undefined; // so that a failure is reported only once
    const chunk = await reading;
    if (chunk.length === 0) return null;
    this.#offset += chunk.length;
    if (this.#readsAhead && this.#file.hasDescriptor) {
      this.#turn = this.#turn === 0 ? 1 : 0;
      this.#ahead = this.#read();
      this.#ahead.catch(() => {}); // reported by the next call
    }
    return chunk;
  }

  async seek(offset: number): Promise<void> {
    await this.#ahead?.catch(() => {});
    if (offset === this.#offset) return;
    this.#ahead = undefined;
    const size = await this.#size();
    if (offset > size) throw shortFile(this.#file.path, offset, size);
    this.#offset = offset;
  }

  async close(): Promise<void> {
    await this.#ahead?.catch(() => {});
    await this.#file.close();
  }

  async #size(): Promise<number> {
    try {
      return await this.#file.size();
    } catch (error) {
      throw inputError(this.#file.path, error);
    }
  }

  #growIfFast(): void {
    if (this.#chunkBytes === this.#chunkBytesMax || ++this.#chunks < FAST_CHUNKS) return;
    const now = performance.now();
    if (now - this.#sinceMs < FAST_MS) {
      this.#chunkBytes = Math.min(2 * this.#chunkBytes, this.#chunkBytesMax);
    }
    this.#chunks = 0;
    this.#sinceMs = now;
  }

  async #read(): Promise<Uint8Array> {
    this.#growIfFast();
    let buffer = this.#buffers[this.#turn];
    if (buffer === undefined || buffer.length < this.#chunkBytes) {
      buffer = new Uint8Array(this.#chunkBytes);
      this.#buffers[this.#turn] = buffer;
    }
    try {
      return buffer.subarray(0, await this.#file.read(buffer, this.#offset));
    } catch (error) {
      throw error instanceof PipelineError ? error : inputError(this.#file.path, error);
    }
  }
}

const NO_BYTES: EarlierBytes = { count: 0, checksum: 0 };

/** Unpacks gzip, by a kernel where that understands the file. */
class GzipBytes implements FileBytes {
  readonly isPacked = true;
  readonly #file: LentFile;
  readonly #chunkBytes: number;
  #unpacker: Unpacker | undefined;
  /** What the kernel has unpacked of a file that it does not understand. */
  #byKernel: EarlierBytes | undefined;
  /** Offset of the next byte. */
  #offset = 0;
  /** Bytes unpacked so far. After a failure, unpacking starts again at 0, below the offset. */
  #unpacked = 0;
  /** Bytes from the offset on that a seek has already unpacked. */
  #left: Uint8Array | undefined;

  constructor(file: LentFile, chunkBytes: number) {
    this.#file = file;
    this.#chunkBytes = chunkBytes;
  }

  get identity(): FileIdentity {
    return this.#file.identity;
  }

  async next(): Promise<Uint8Array | null> {
    await this.#catchUp();
    const chunk = this.#left ?? (await this.#unpack());
    this.#left = undefined;
    this.#offset = this.#unpacked;
    return chunk;
  }

  async seek(offset: number): Promise<void> {
    if (offset < this.#offset) this.#stop();
    else this.#left = this.#left?.subarray(Math.min(offset - this.#offset, this.#left.length));
    if (this.#left?.length === 0) this.#left = undefined;
    this.#offset = offset;
    await this.#catchUp();
  }

  async close(): Promise<void> {
    this.#stop();
    await this.#file.close();
  }

  async #catchUp(): Promise<void> {
    while (this.#unpacked < this.#offset) {
      const chunk = await this.#unpack();
      if (!chunk) throw shortFile(this.#file.path, this.#offset, this.#unpacked);
      const beyond = this.#unpacked - this.#offset;
      if (beyond > 0) this.#left = chunk.subarray(chunk.length - beyond);
    }
  }

  async #unpack(): Promise<Uint8Array | null> {
    this.#unpacker ??= this.#start();
    try {
      const chunk = await this.#unpacker.next();
      if (chunk) this.#unpacked += chunk.length;
      else if (this.#unpacker instanceof StreamUnpacker) await this.#checkRest(this.#unpacker.bytesTaken);
      return chunk;
    } catch (error) {
      const kernel = this.#unpacker instanceof KernelUnpacker ? this.#unpacker : undefined;
      this.#stop(); // a failed stream would report its end from now on
      if (!kernel || !(error instanceof NotUnderstoodError)) throw this.#whyNot(error);
      this.#byKernel = kernel.unpacked;
      return this.#unpackFrom(this.#byKernel.count);
    }
  }

  /** Unpacks from the front again, up to bytes that were not unpacked before. */
  async #unpackFrom(reached: number): Promise<Uint8Array | null> {
    for (;;) {
      const chunk = await this.#unpack();
      if (!chunk) return null;
      const beyond = this.#unpacked - reached;
      if (beyond > 0) return chunk.subarray(chunk.length - beyond);
    }
  }

  #start(): Unpacker {
    const kernel = this.#byKernel ? undefined : KernelUnpacker.of(this.#file, this.#chunkBytes);
    return kernel ?? new StreamUnpacker(this.#file, this.#chunkBytes, this.#byKernel ?? NO_BYTES);
  }

  #stop(): void {
    this.#unpacker?.close();
    this.#unpacker = this.#left = undefined;
    this.#unpacked = 0;
  }

  #whyNot(cause: unknown): PipelineError {
    if (cause instanceof PipelineError) return cause;
    const { path } = this.#file;
    const { code, message } = cause as NodeJS.ErrnoException;
    if (!code?.startsWith('Z_')) return inputError(path, cause);
    const what =
      code === 'Z_BUF_ERROR'
        ? 'expected the rest of the gzip data, found the end of the file (it is truncated)'
        : `expected gzip data to the end, found something else (${message})`;
    return new PipelineError('INPUT_CORRUPT', `${path}: ${what}`, { cause });
  }

  /** Refuses data after the gzip members: the unpacker silently skips zeros, and whatever follows them. */
  async #checkRest(taken: number): Promise<void> {
    const size = await this.#file.size();
    for (let at = taken; at < size; ) {
      const buffer = new Uint8Array(this.#chunkBytes);
      const bytesRead = await this.#file.read(buffer, at);
      if (bytesRead === 0) return;
      if (buffer.subarray(0, bytesRead).some((byte) => byte !== 0)) {
        throw new PipelineError(
          'INPUT_CORRUPT',
          `${this.#file.path}: expected the end of the file after the gzip data, found more bytes`,
        );
      }
      at += bytesRead;
    }
  }
}

const shortFile = (path: string, offset: number, size: number): PipelineError =>
  new PipelineError(
    'CHECKPOINT_INVALID',
    `${path}: expected at least the ${offset} bytes that were read before, found ${size}`,
  );
