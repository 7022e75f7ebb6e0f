import type { MemoryShare } from '../columns/column-memory.js';
import type { ColumnData } from '../columns/schema.js';
import { allocateMask, bytesOfMask, type Mask } from './mask.js';

/** Memory in which a step of a compiled expression reads or writes values. */
export interface Slot<Data> {
  data: Data;
}

/**
 * The current columns, and the scratch memory for the expressions of one operator. Slots are assigned
 * during compilation, reused as soon as their value is no longer needed, and allocated once.
 */
export class Workspace {
  columns: readonly ColumnData[] = [];
  rows = 0;
  #capacity: number;
  #share: MemoryShare | undefined;
  readonly #floats: Slot<Float64Array>[] = [];
  readonly #masks: Slot<Mask>[] = [];
  readonly #ids: Slot<Int32Array>[] = [];
  readonly #floatsFree: Slot<Float64Array>[] = [];
  readonly #masksFree: Slot<Mask>[] = [];
  readonly #idsFree: Slot<Int32Array>[] = [];

  /** @param capacity - Initial capacity in rows; it grows when a batch has more. */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Charges the scratch memory to a share from now on. Called once all expressions are compiled. */
  charge(share: MemoryShare): void {
    share.resize(this.#bytesFor(this.#capacity));
    this.#share = share;
  }

  /** Returns the charged memory to the account. */
  close(): void {
    this.#share?.resize(0);
    this.#share = undefined;
  }

  /** Prepares a run over `rows` rows of `columns`. */
  begin(columns: readonly ColumnData[], rows: number): void {
    this.columns = columns;
    this.rows = rows;
    if (rows <= this.#capacity) return;
    this.#share?.resize(this.#bytesFor(rows));
    this.#capacity = rows;
    for (const slot of this.#floats) slot.data = new Float64Array(rows);
    for (const slot of this.#masks) slot.data = allocateMask(rows);
    for (const slot of this.#ids) slot.data = new Int32Array(rows);
  }

  takeFloats(): Slot<Float64Array> {
    return take(this.#floatsFree, this.#floats, () => new Float64Array(this.#capacity));
  }

  takeMask(): Slot<Mask> {
    return take(this.#masksFree, this.#masks, () => allocateMask(this.#capacity));
  }

  takeIds(): Slot<Int32Array> {
    return take(this.#idsFree, this.#ids, () => new Int32Array(this.#capacity));
  }

  #bytesFor(rows: number): number {
    const ofRow = 8 * this.#floats.length + 4 * this.#ids.length;
    return ofRow * rows + this.#masks.length * bytesOfMask(rows);
  }

  giveFloats(slot: Slot<Float64Array>): void {
    this.#floatsFree.push(slot);
  }

  giveMask(slot: Slot<Mask>): void {
    this.#masksFree.push(slot);
  }

  giveIds(slot: Slot<Int32Array>): void {
    this.#idsFree.push(slot);
  }
}

function take<Data>(free: Slot<Data>[], all: Slot<Data>[], allocate: () => Data): Slot<Data> {
  const spare = free.pop();
  if (spare) return spare;
  const slot = { data: allocate() };
  all.push(slot);
  return slot;
}
