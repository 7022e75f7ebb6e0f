import * as zlib from 'node:zlib';
import { CODEC } from './metadata.js';
import { snappyBytesMax, snappyCompress } from './snappy.js';

export interface Compressor {
  readonly codec: number;
  /** Finds repetition only: not worth its time where values are packed in bits already. */
  readonly isFast: boolean;
  /** The answer is valid until the next call. */
  compress(bytes: Uint8Array): Uint8Array;
}

export type ParquetCompression = 'none' | 'snappy' | 'gzip' | 'zstd';

type ZstdCompress = (bytes: Uint8Array) => Uint8Array;

/** Node has it from 22.15 on. */
const zstdCompress = (zlib as { zstdCompressSync?: ZstdCompress }).zstdCompressSync;

export const hasZstd = zstdCompress !== undefined;

/** zlib's default takes three times as long for some 3 % less. */
const GZIP_LEVEL = 3;

export function compressorOf(compression: ParquetCompression): Compressor | undefined {
  switch (compression) {
    case 'none':
      return undefined;
    case 'snappy':
      return new Snappy();
    case 'gzip':
      return {
        codec: CODEC.gzip,
        isFast: false,
        compress: (bytes) => zlib.gzipSync(bytes, { level: GZIP_LEVEL }),
      };
    case 'zstd':
      return { codec: CODEC.zstd, isFast: false, compress: (bytes) => zstdCompress!(bytes) };
  }
}

class Snappy implements Compressor {
  readonly codec = CODEC.snappy;
  readonly isFast = true;
  #out = new Uint8Array(0);

  compress(bytes: Uint8Array): Uint8Array {
    const room = snappyBytesMax(bytes.length);
    if (this.#out.length < room) this.#out = new Uint8Array(room);
    return this.#out.subarray(0, snappyCompress(bytes, this.#out));
  }
}
