import {
  constantOf,
  type KernelExports,
  kernelsPerThread,
  memoryOf,
} from '../../../../core/kernel-module.js';
import { type BarWindow, CELLS } from '../bar-window.js';
import { KERNEL_BYTES } from './kernel-bytes.js';

/** What the kernels do: see `assembly/fold.ts`. */
interface FoldCalls {
  foldInOrder(rows: number, first: number, shift: number): number;
  foldSizes(rows: number, first: number, shift: number): void;
  slotsTouched(): number;
}

/** The columns of rows to fold. */
export interface FoldedColumns {
  readonly symbols: Int32Array;
  readonly prices: Float64Array;
  /** Indexes of the rows in the columns, ascending. */
  readonly selection: Int32Array;
}

/**
 * Kernels that fold rows into a window, and their memory, which never grows. Cells are copied in and out, so that a
 * window is memory like any other. All stages of a thread use the same: what is in it counts for one call.
 */
export class FoldKernels {
  readonly #call: FoldCalls;
  readonly #rowsMax: number;
  readonly #slotsMax: number;
  readonly #cells: Float64Array;
  readonly #extras: Float64Array;
  readonly #touched: Int32Array;
  readonly #selection: Int32Array;
  readonly #symbols: Int32Array;
  readonly #keys: Float64Array;
  readonly #prices: Float64Array;
  readonly #sizes: Float64Array;

  constructor(exports: KernelExports) {
    this.#call = exports as unknown as FoldCalls;
    const buffer = memoryOf(exports);
    const at = (name: string) => constantOf(exports, name);
    const rows = at('ROWS_MAX');
    const slots = at('SLOTS_MAX');
    this.#rowsMax = rows;
    this.#slotsMax = slots;
    this.#cells = new Float64Array(buffer, at('CELLS'), slots * CELLS);
    this.#extras = new Float64Array(buffer, at('EXTRAS'), slots * CELLS);
    this.#touched = new Int32Array(buffer, at('TOUCHED'), slots);
    this.#selection = new Int32Array(buffer, at('SELECTION'), rows);
    this.#symbols = new Int32Array(buffer, at('SYMBOLS'), rows);
    this.#keys = new Float64Array(buffer, at('KEYS'), rows);
    this.#prices = new Float64Array(buffer, at('PRICES'), rows);
    this.#sizes = new Float64Array(buffer, at('SIZES'), rows);
  }

  /** Whether these rows fit the memory, and copying the cells of all slots costs less than it saves. */
  pays({ slots }: BarWindow, selection: Int32Array, row: number, end: number): boolean {
    const isMany = end - row >= ROWS_PER_SLOT * slots && slots <= this.#slotsMax;
    return isMany && selection[end - 1]! - selection[row]! < this.#rowsMax;
  }

  /**
   * Folds rows `row` to `end` that are in order, and not earlier than any row of the window, except for sizes.
   *
   * @param keys - The times of the rows as doubles that sort like them.
   * @returns The rows without a finite price, which are left out.
   */
  foldInOrder(
    window: BarWindow,
    columns: FoldedColumns,
    keys: Float64Array,
    row: number,
    end: number,
  ): number {
    const { cells, touched, touchedCount } = window;
    const { first, last } = this.#copyRows(columns, row, end);
    this.#keys.set(keys.subarray(first, last));
    this.#cells.set(cells);
    const unpriced = this.#call.foldInOrder(end - row, first, 1 - window.firstSlot);
    cells.set(this.#cells.subarray(0, cells.length));
    const added = this.#call.slotsTouched();
    touched.set(this.#touched.subarray(0, added), touchedCount);
    window.touchedCount = touchedCount + added;
    return unpriced;
  }

  /** Adds the sizes of rows `row` to `end` to the sums of the window. */
  foldSizes(window: BarWindow, columns: FoldedColumns, sizes: Float64Array, row: number, end: number): void {
    const { extras } = window;
    const { first, last } = this.#copyRows(columns, row, end);
    this.#sizes.set(sizes.subarray(first, last));
    this.#extras.set(extras);
    this.#call.foldSizes(end - row, first, 1 - window.firstSlot);
    extras.set(this.#extras.subarray(0, extras.length));
  }

  /** @returns The places of the first row, and after the last one. */
  #copyRows({ symbols, prices, selection }: FoldedColumns, row: number, end: number) {
    const first = selection[row]!;
    const last = selection[end - 1]! + 1;
    this.#selection.set(selection.subarray(row, end));
    this.#symbols.set(symbols.subarray(first, last));
    this.#prices.set(prices.subarray(first, last));
    return { first, last };
  }
}

const ROWS_PER_SLOT = 4;

/** The kernels of this thread; `undefined` where there can be none. */
export const foldKernels = kernelsPerThread(KERNEL_BYTES, (exports) => new FoldKernels(exports));
