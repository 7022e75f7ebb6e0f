import { Readable } from 'node:stream';
import { createGunzip, type ZlibOptions } from 'node:zlib';
import { PipelineError } from '../core/errors.js';
import { outOfFiles } from '../core/system-limits.js';
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
  readonly chunkBytes?: number;
  /** Whether the next chunk of a plain file is read while the current one is decoded. */
  readonly readsAhead?: boolean;
  /** The file that was opened before; another file is refused. */
  readonly before?: FileIdentity | undefined;
}

export const CHUNK_BYTES = 262_144;
export const CHUNK_BYTES_MIN = 8_192;
/** Text grows roughly by this factor when it is unpacked. */
const UNPACKED_MAX = 8;
/** The default buffer size of Node streams. */
const STREAM_BYTES = 16_384;
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
    const buffer = Buffer.allocUnsafeSlow(Math.min(chunkBytes, needed));
    const first = buffer.subarray(0, await file.read(buffer, 0));
    const isPacked = GZIP_MAGIC.every((byte, i) => first[i] === byte);
    if (!isPacked) return new PlainBytes(file, buffer, first, readsAhead);
    return new GzipBytes(file, first, Math.min(chunkBytes, needed * UNPACKED_MAX));
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
  #turn: 0 | 1 = 0;
  #offset = 0;
  #ahead: Promise<Uint8Array> | undefined;

  constructor(file: LentFile, buffer: Uint8Array, first: Uint8Array, readsAhead: boolean) {
    this.#file = file;
    this.#readsAhead = readsAhead;
    this.#buffers = [buffer, undefined];
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

  async #read(): Promise<Uint8Array> {
    this.#buffers[this.#turn] ??= new Uint8Array(this.#buffers[0].length);
    const buffer = this.#buffers[this.#turn]!;
    try {
      return buffer.subarray(0, await this.#file.read(buffer, this.#offset));
    } catch (error) {
      throw error instanceof PipelineError ? error : inputError(this.#file.path, error);
    }
  }
}

/** Unpacks gzip, with one or several members. Zeros after the last member are padding. */
class GzipBytes implements FileBytes {
  readonly isPacked = true;
  readonly #file: LentFile;
  readonly #chunkBytes: number;
  /** The first packed bytes, until they are passed to the unpacker. */
  #first: Uint8Array | undefined;
  #gunzip: ReturnType<typeof createGunzip> | undefined;
  #input: Readable | undefined;
  #chunks: AsyncIterator<Uint8Array> | undefined;
  /** Offset of the next byte. */
  #offset = 0;
  /** Bytes unpacked so far. After a failure, unpacking starts again at 0, below the offset. */
  #unpacked = 0;
  /** Bytes from the offset on that a seek has already unpacked. */
  #left: Uint8Array | undefined;

  constructor(file: LentFile, first: Uint8Array, chunkBytes: number) {
    this.#file = file;
    this.#chunkBytes = chunkBytes;
    this.#first = first;
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
    this.#chunks ??= this.#start();
    try {
      const found = await this.#chunks.next();
      if (found.done) {
        await this.#checkRest();
        return null;
      }
      this.#unpacked += found.value.length;
      return found.value;
    } catch (error) {
      // A failed stream would report its end from now on.
      this.#stop();
      throw this.#whyNot(error);
    }
  }

  #start(): AsyncIterator<Uint8Array> {
    const highWaterMark = Math.min(this.#chunkBytes, STREAM_BYTES);
    const options: ZlibOptions & { highWaterMark: number } = { chunkSize: this.#chunkBytes, highWaterMark };
    const gunzip = createGunzip(options);
    // Not a read stream of the handle: closing the handle would wait for it forever.
    const input = Readable.from(this.#packedChunks(), { objectMode: false, highWaterMark });
    input.on('error', (error) => gunzip.destroy(error));
    input.pipe(gunzip);
    this.#gunzip = gunzip;
    this.#input = input;
    return gunzip[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  }

  async *#packedChunks(): AsyncGenerator<Uint8Array> {
    let at = 0;
    if (this.#first) {
      const first = this.#first;
      this.#first = undefined;
      at = first.length;
      yield first;
    }
    for (;;) {
      // A new buffer each time, since the unpacker still uses the previous ones.
      const buffer = Buffer.allocUnsafe(this.#chunkBytes);
      const bytesRead = await this.#file.read(buffer, at);
      if (bytesRead === 0) return;
      at += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  }

  #stop(): void {
    this.#input?.destroy();
    this.#gunzip?.destroy();
    this.#chunks = this.#left = undefined;
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
  async #checkRest(): Promise<void> {
    const size = await this.#file.size();
    for (let at = this.#gunzip!.bytesWritten; at < size; ) {
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
