import { constantOf, type KernelExports, kernelsPerThread, memoryOf } from '../../../core/kernel-module.js';
import { KERNEL_BYTES } from './kernel-bytes.js';

/** What the kernels do: see `assembly/`, where each is described. */
interface EncodeCalls {
  beginDictionary(): void;
  encodeValues(count: number): number;
  packCodes(count: number, width: number): void;
  packDeltas(count: number, limit: bigint): number;
}

/**
 * Kernels that encode columns of Parquet, and their memory, which never grows. All files of a thread use the same:
 * what is in it counts until a column is encoded, without an await.
 */
export class EncodeKernels {
  readonly call: EncodeCalls;
  /** The most values of one call. */
  readonly valuesMax: number;
  /** Values to encode, as two words each; the first place is for the one before them. */
  readonly words: Int32Array;
  /** The same without that place. */
  readonly values: Float64Array;
  readonly codes: Int32Array;
  readonly packed: Uint8Array;
  /** Values of the dictionary, in order of their codes. */
  readonly known: Float64Array;

  constructor(exports: KernelExports) {
    this.call = exports as unknown as EncodeCalls;
    const buffer = memoryOf(exports);
    const place = (name: 'VALUES' | 'CODES' | 'PACKED' | 'KNOWN') => constantOf(exports, name);
    this.valuesMax = constantOf(exports, 'BLOCK_VALUES');
    this.words = new Int32Array(buffer, place('VALUES') - 8, 2 * (this.valuesMax + 1));
    this.values = new Float64Array(buffer, place('VALUES'), this.valuesMax);
    this.codes = new Int32Array(buffer, place('CODES'), this.valuesMax);
    this.packed = new Uint8Array(buffer, place('PACKED'), place('KNOWN') - place('PACKED'));
    this.known = new Float64Array(buffer, place('KNOWN') + 8, constantOf(exports, 'DICTIONARY_MAX'));
  }
}

/** The kernels of this thread; `undefined` where there can be none. */
export const encodeKernels = kernelsPerThread(KERNEL_BYTES, (exports) => new EncodeKernels(exports));
