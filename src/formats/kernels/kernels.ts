import { constantOf, type KernelExports, kernelsPerThread, memoryOf } from '../../core/kernel-module.js';
import { KERNEL_BYTES } from './kernel-bytes.js';

/** The functions of the kernels, described in `assembly/`. Numbers are rows, or addresses in the kernels' memory. */
export interface KernelCalls {
  findStructure(from: number, to: number, delimiter: number): number;
  metOddQuotes(): number;
  takeRows(fields: number, linesMax: number, comment: number, endsEmpty: boolean, shift: number): number;
  chooseField(field: number, fields: number, rows: number): void;
  placeBounds(rows: number): void;
  readDecimals(rows: number, tenths: number, nullable: boolean): number;
  readWholes32(rows: number): number;
  readWholes64(rows: number): number;
  readEpochs(rows: number, places: number): number;
  readIsoTimes(rows: number): number;
  beginTexts(): void;
  readTexts32(first: number, rows: number, owner: number): number;
  readTexts8(first: number, rows: number, owner: number): number;
  keepText(row: number, owner: number, number: number): void;
  leaveText(row: number): void;
  textsLeft(): number;
}

/** Addresses in the memory of the kernels: see `assembly/memory.ts`. */
interface KernelPlaces {
  readonly INPUT: number;
  readonly SEPARATORS: number;
  readonly LINES: number;
  readonly STARTS: number;
  readonly BOUNDS: number;
  readonly VALUES: number;
  readonly UNREAD: number;
  readonly PARAMETERS: number;
}

type PlaceName = keyof KernelPlaces;

/**
 * Kernels that decode text with vector instructions, and their memory, which never grows. All files of a thread
 * share them: the results of a call hold until the next call.
 */
export class Kernels {
  readonly call: KernelCalls;
  /** The most rows, and the most bytes, of one call. */
  readonly rowsMax: number;
  readonly bytesMax: number;
  /** The most bytes of a text that the kernels can keep. */
  readonly textBytesMax: number;
  /** Where the bytes to decode begin. */
  readonly input: number;
  /** All of the memory. */
  readonly bytes: Uint8Array;
  /** Addresses of separators; the first one is of the byte before the input. */
  readonly separators: Int32Array;
  /** For each line end, its place among the separators. */
  readonly lines: Int32Array;
  /** Where each row begins. */
  readonly starts: Int32Array;
  /** Start and end of the chosen field of each row, once `placeBounds` was called. */
  readonly bounds: Int32Array;
  /** Rows that the last kernel left. */
  readonly unread: Int32Array;
  readonly parameters: BigInt64Array;
  /** Values of the rows, in columns of 8 and of 32 bits. */
  readonly values8: Uint8Array;
  readonly values32: Int32Array;
  readonly #valuesF64: Float64Array;

  constructor(exports: KernelExports) {
    this.call = exports as unknown as KernelCalls;
    const buffer = memoryOf(exports);
    const constant = (name: PlaceName | 'ROWS_MAX' | 'BLOCK_BYTES' | 'TEXT_LONGEST') =>
      constantOf(exports, name);
    const words = (name: PlaceName, length: number) => new Int32Array(buffer, constant(name), length);
    this.rowsMax = constant('ROWS_MAX');
    this.bytesMax = constant('BLOCK_BYTES');
    this.textBytesMax = constant('TEXT_LONGEST');
    this.input = constant('INPUT');
    this.bytes = new Uint8Array(buffer);
    this.separators = words('SEPARATORS', (constant('LINES') - constant('SEPARATORS')) / 4);
    this.lines = words('LINES', this.rowsMax);
    this.starts = words('STARTS', this.rowsMax);
    this.bounds = words('BOUNDS', 2 * this.rowsMax);
    this.unread = words('UNREAD', this.rowsMax);
    this.parameters = new BigInt64Array(buffer, constant('PARAMETERS'), 4);
    this.values8 = new Uint8Array(buffer, constant('VALUES'), this.rowsMax);
    this.values32 = words('VALUES', 2 * this.rowsMax);
    this.#valuesF64 = new Float64Array(buffer, constant('VALUES'), this.rowsMax);
  }

  /** Copies the first values of the last kernel into a column, from an element on. */
  copyValues(out: Float64Array | Int32Array | Uint8Array, at: number, count: number): void {
    const values =
      out instanceof Float64Array
        ? this.#valuesF64
        : out instanceof Int32Array
          ? this.values32
          : this.values8;
    out.set(values.subarray(0, count), at);
  }
}

/** The kernels of this thread; `undefined` where there can be none. */
export const kernelsOfThread = kernelsPerThread(KERNEL_BYTES, (exports) => new Kernels(exports));
