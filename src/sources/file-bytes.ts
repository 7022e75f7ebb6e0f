import { type FileHandle, open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { PipelineError } from '../core/errors.js';

/** Bytes of a file from the front, a chunk at a time; what was packed comes unpacked. */
export interface FileBytes {
  /** Valid until the next call; `null` at the end. */
  next(): Promise<Uint8Array | null>;
  /** Goes on from an offset among the unpacked bytes. */
  seek(offset: number): Promise<void>;
  close(): Promise<void>;
}

export const CHUNK_BYTES = 262_144;
const GZIP_MAGIC = [0x1f, 0x8b];

/**
 * Opens a file, packed with gzip or not: its first bytes tell.
 *
 * @throws {PipelineError} `INPUT_MISSING`, or `INPUT_UNREADABLE` when it is no file or may not be read.
 */
export async function openFileBytes(path: string): Promise<FileBytes> {
  let handle: FileHandle;
  try {
    handle = await open(path, 'r');
  } catch (error) {
    throw inputError(path, error);
  }
  try {
    const found = await handle.stat();
    if (!found.isFile()) {
      const what = found.isDirectory() ? 'a directory' : 'something else';
      throw new PipelineError('INPUT_UNREADABLE', `${path}: expected a file, found ${what}`);
    }
    const magic = new Uint8Array(GZIP_MAGIC.length);
    const { bytesRead } = await handle.read(magic, 0, magic.length, 0);
    const packed = bytesRead === magic.length && GZIP_MAGIC.every((byte, i) => magic[i] === byte);
    return packed ? new GzipBytes(path, handle, found.size) : new PlainBytes(path, handle);
  } catch (error) {
    await handle.close();
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
    `${path}: expected a file that can be read, found ${code ?? 'an error'}`,
    {
      cause,
      retryable: code === 'EIO' || code === 'EMFILE' || code === 'ENFILE',
    },
  );
}

/** Reads a chunk ahead, into the other one of two buffers, while the last one is decoded. */
class PlainBytes implements FileBytes {
  readonly #path: string;
  readonly #handle: FileHandle;
  readonly #buffers = [new Uint8Array(CHUNK_BYTES), new Uint8Array(CHUNK_BYTES)];
  #turn = 0;
  #offset = 0;
  #ahead: Promise<Uint8Array> | undefined;

  constructor(path: string, handle: FileHandle) {
    this.#path = path;
    this.#handle = handle;
  }

  async next(): Promise<Uint8Array | null> {
    const chunk = await (this.#ahead ?? this.#read());
    this.#ahead = undefined;
    if (chunk.length === 0) return null;
    this.#offset += chunk.length;
    this.#turn = 1 - this.#turn;
    this.#ahead = this.#read();
    this.#ahead.catch(() => {}); // told by the next call
    return chunk;
  }

  async seek(offset: number): Promise<void> {
    await this.#ahead?.catch(() => {});
    this.#ahead = undefined;
    const { size } = await this.#handle.stat();
    if (offset > size) throw shortFile(this.#path, offset, size);
    this.#offset = offset;
  }

  async close(): Promise<void> {
    await this.#ahead?.catch(() => {});
    await this.#handle.close();
  }

  async #read(): Promise<Uint8Array> {
    const buffer = this.#buffers[this.#turn]!;
    try {
      const { bytesRead } = await this.#handle.read(buffer, 0, buffer.length, this.#offset);
      return buffer.subarray(0, bytesRead);
    } catch (error) {
      throw inputError(this.#path, error);
    }
  }
}

/** Unpacks gzip, one member or several. Zeros behind the last one are padding. */
class GzipBytes implements FileBytes {
  readonly #path: string;
  readonly #handle: FileHandle;
  readonly #size: number;
  #gunzip: ReturnType<typeof createGunzip> | undefined;
  #input: Readable | undefined;
  #chunks: AsyncIterator<Uint8Array> | undefined;
  #offset = 0;
  /** What a seek has unpacked too much. */
  #left: Uint8Array | undefined;

  constructor(path: string, handle: FileHandle, size: number) {
    this.#path = path;
    this.#handle = handle;
    this.#size = size;
  }

  async next(): Promise<Uint8Array | null> {
    if (this.#left) {
      const left = this.#left;
      this.#left = undefined;
      this.#offset += left.length;
      return left;
    }
    this.#chunks ??= this.#start();
    let found: IteratorResult<Uint8Array>;
    try {
      found = await this.#chunks.next();
    } catch (error) {
      throw this.#corrupt(error);
    }
    if (found.done) {
      await this.#checkRest();
      return null;
    }
    this.#offset += found.value.length;
    return found.value;
  }

  async seek(offset: number): Promise<void> {
    if (offset < this.#offset) this.#stop();
    while (this.#offset < offset) {
      const chunk = await this.next();
      if (!chunk) throw shortFile(this.#path, offset, this.#offset);
      const beyond = this.#offset - offset;
      if (beyond > 0) {
        this.#left = chunk.subarray(chunk.length - beyond);
        this.#offset = offset;
      }
    }
  }

  async close(): Promise<void> {
    this.#stop();
    await this.#handle.close();
  }

  #start(): AsyncIterator<Uint8Array> {
    const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
    // Not a read stream of the handle: closing the handle would wait for it for ever.
    const input = Readable.from(chunksOf(this.#handle), { objectMode: false });
    input.on('error', (error) => gunzip.destroy(error));
    input.pipe(gunzip);
    this.#gunzip = gunzip;
    this.#input = input;
    return gunzip[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  }

  #stop(): void {
    this.#input?.destroy();
    this.#gunzip?.destroy();
    this.#chunks = this.#left = undefined;
    this.#offset = 0;
  }

  #corrupt(cause: unknown): PipelineError {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (!code?.startsWith('Z_')) return inputError(this.#path, cause);
    const what =
      code === 'Z_BUF_ERROR'
        ? 'expected the rest of the gzip data, found the end of the file (it is truncated)'
        : `expected gzip data to the end, found something else (${message})`;
    return new PipelineError('INPUT_CORRUPT', `${this.#path}: ${what}`, { cause });
  }

  /** The unpacker passes over zeros at the end, and over whatever follows them. */
  async #checkRest(): Promise<void> {
    const buffer = new Uint8Array(CHUNK_BYTES);
    for (let at = this.#gunzip!.bytesWritten; at < this.#size; ) {
      const { bytesRead } = await this.#handle.read(buffer, 0, buffer.length, at);
      if (bytesRead === 0) return;
      if (buffer.subarray(0, bytesRead).some((byte) => byte !== 0)) {
        throw new PipelineError(
          'INPUT_CORRUPT',
          `${this.#path}: expected the end of the file behind the gzip data, found more bytes`,
        );
      }
      at += bytesRead;
    }
  }
}

async function* chunksOf(handle: FileHandle): AsyncGenerator<Uint8Array> {
  for (let at = 0; ; ) {
    // A new one each time: the unpacker works on the last ones meanwhile.
    const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES, at);
    if (bytesRead === 0) return;
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

const shortFile = (path: string, offset: number, size: number): PipelineError =>
  new PipelineError(
    'CHECKPOINT_INVALID',
    `${path}: expected at least the ${offset} bytes that were read before, found ${size}`,
  );
