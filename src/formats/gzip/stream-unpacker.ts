import { Readable } from 'node:stream';
import { crc32, createGunzip, type ZlibOptions } from 'node:zlib';
import { PipelineError } from '../../core/errors.js';
import type { EarlierBytes, PackedFile, Unpacker } from './unpacker.js';

/** The default buffer size of Node streams. */
const STREAM_BYTES = 16_384;

/** Unpacks by the streams of Node, which say what is wrong with a file, and pass over what follows zeros. */
export class StreamUnpacker implements Unpacker {
  readonly #file: PackedFile;
  readonly #chunkBytes: number;
  readonly #gunzip: ReturnType<typeof createGunzip>;
  readonly #input: Readable;
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #earlier: EarlierBytes;
  #count = 0;
  #checksum = 0;

  /**
   * @param chunkBytes - Most bytes that are read, and unpacked, at once.
   * @param earlier - Rows were made of these bytes, so the file must begin with them.
   */
  constructor(file: PackedFile, chunkBytes: number, earlier: EarlierBytes) {
    this.#earlier = earlier;
    this.#file = file;
    this.#chunkBytes = chunkBytes;
    const highWaterMark = Math.min(chunkBytes, STREAM_BYTES);
    const options: ZlibOptions & { highWaterMark: number } = { chunkSize: chunkBytes, highWaterMark };
    this.#gunzip = createGunzip(options);
    // Not a read stream of the handle: closing the handle would wait for it forever.
    this.#input = Readable.from(this.#packedChunks(), { objectMode: false, highWaterMark });
    this.#input.on('error', (error) => this.#gunzip.destroy(error));
    this.#input.pipe(this.#gunzip);
    this.#chunks = this.#gunzip[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  }

  /** Packed bytes of the members that were unpacked. */
  get bytesTaken(): number {
    return this.#gunzip.bytesWritten;
  }

  /** @throws {PipelineError} `INPUT_UNREADABLE` if the bytes differ from the earlier ones. */
  async next(): Promise<Uint8Array | null> {
    const found = await this.#chunks.next();
    this.#check(found.done ? null : found.value);
    return found.done ? null : found.value;
  }

  #check(chunk: Uint8Array | null): void {
    const left = this.#earlier.count - this.#count;
    if (left <= 0) return;
    if (chunk) this.#checksum = crc32(chunk.subarray(0, left), this.#checksum);
    this.#count += chunk?.length ?? 0;
    if (chunk && chunk.length < left) return;
    if (chunk !== null && this.#checksum === this.#earlier.checksum) return;
    throw new PipelineError(
      'INPUT_UNREADABLE',
      `${this.#file.path}: expected the bytes that were unpacked before, found others: leave input files as they are ` +
        'while they are read. If this one has not changed, the fault is ours: please report it, and read the file with ' +
        'TICKLOOM_NO_WASM=1',
    );
  }

  close(): void {
    this.#input.destroy();
    this.#gunzip.destroy();
  }

  async *#packedChunks(): AsyncGenerator<Uint8Array> {
    for (let at = 0; ; ) {
      // A new buffer each time, since the unpacker still uses the previous ones.
      const buffer = Buffer.allocUnsafe(this.#chunkBytes);
      const bytesRead = await this.#file.read(buffer, at);
      if (bytesRead === 0) return;
      at += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  }
}
