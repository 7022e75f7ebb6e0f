import * as zlib from 'node:zlib';
import { CODEC } from './metadata.js';
import { snappyBytesMax, snappyCompress } from './snappy.js';

export interface Compressor {
  readonly codec: number;
  /** Whether it finds only repetitions, so that it is not worth its time for bit-packed values. */
  readonly isFast: boolean;
  /** The result is valid until the next call. */
  compress(bytes: Uint8Array): Uint8Array;
}

export type ParquetCompression = 'none' | 'snappy' | 'gzip' | 'zstd';

type ZstdCompress = (bytes: Uint8Array) => Uint8Array;

/** In Node from 22.15 on. */
const zstdCompress = (zlib as { zstdCompressSync?: ZstdCompress }).zstdCompressSync;

export const hasZstd = zstdCompress !== undefined;

/** zlib's default level takes three times as long and saves only about 3 %. */
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
