import type { BarWindow } from './bar-window.js';
import { type BarWriter, COMPLETE, EMPTY, GAP, PARTIAL } from './bar-writer.js';
import { ALL_SLOTS, type BlindSpots } from './blind-spots.js';

export interface WindowBarsSettings {
  readonly emptyBars: boolean;
  /** Most bars without rows that a symbol gets in a row. */
  readonly fillMax: number;
}

interface Filled {
  /** Bars without rows that were written. */
  readonly written: number;
  /** Bars without rows that were left out, since there were `fillMax` of them in a row. */
  readonly leftOut: number;
}
const NONE: Filled = { written: 0, leftOut: 0 };

/** Decides which bars a window becomes when it closes, and how each is marked. */
export class WindowBars {
  /** Bars without rows that were left out. */
  notFilled = 0;
  readonly #settings: WindowBarsSettings;
  readonly #writer: BarWriter;
  readonly #blind: BlindSpots;
  readonly #firstSlot: number;
  /** For each cell, the first window in which its symbol is known. */
  #knownFrom = new Float64Array(0);
  /** For each cell, bars without rows since the last bar with rows. */
  #filled = new Int32Array(0);
  #knownCount = 0;
  readonly #one = new Int32Array(1);

  constructor(settings: WindowBarsSettings, writer: BarWriter, blind: BlindSpots, firstSlot: number) {
    this.#settings = settings;
    this.#writer = writer;
    this.#blind = blind;
    this.#firstSlot = firstSlot;
  }

  get knowsNone(): boolean {
    return this.#knownCount === 0;
  }

  reserve(slots: number): void {
    const knownFrom = new Float64Array(slots).fill(Number.POSITIVE_INFINITY);
    const filled = new Int32Array(slots);
    knownFrom.set(this.#knownFrom);
    filled.set(this.#filled);
    this.#knownFrom = knownFrom;
    this.#filled = filled;
  }

  /**
   * Makes a symbol known from a window on: it then gets bars where something is missing. Its slot must
   * have room.
   */
  know(slot: number, index: number): void {
    const place = slot - this.#firstSlot;
    const from = this.#knownFrom[place]!;
    if (index >= from) return;
    this.#knownFrom[place] = index;
    if (from === Number.POSITIVE_INFINITY) this.#knownCount++;
  }

  write(window: BarWindow): Filled {
    if (this.#settings.emptyBars || !this.#blind.isClear(window.index)) return this.#writeAll(window);
    this.#writeTouched(window);
    return NONE;
  }

  /**
   * Plain data: slot, first window in which it is known, and bars without rows since the last one with
   * rows.
   */
  snapshot(): number[][] {
    const known: number[][] = [];
    for (let place = 0; place < this.#knownFrom.length; place++) {
      const from = this.#knownFrom[place]!;
      if (Number.isFinite(from)) known.push([place + this.#firstSlot, from, this.#filled[place]!]);
    }
    return known;
  }

  /** Restores a snapshot. All of its slots must have room. */
  restore(state: readonly (readonly number[])[]): void {
    for (const [slot, from, filled] of state) {
      this.know(slot!, from!);
      this.#filled[slot! - this.#firstSlot] = filled!;
    }
  }

  /** Writes bars only for the symbols that have rows. */
  #writeTouched(window: BarWindow): void {
    const mark = this.#blind.isPartial(window.index) ? PARTIAL : COMPLETE;
    const { touched, touchedCount } = window;
    if (touchedCount > 1) touched.subarray(0, touchedCount).sort();
    for (let i = 0; i < touchedCount; i++) this.#sawRows(touched[i]!, window.index);
    this.#writer.bars(window, touched, touchedCount, mark);
  }

  /** Writes bars for the symbols that have rows, and for known symbols that have none. */
  #writeAll(window: BarWindow): Filled {
    const { emptyBars, fillMax } = this.#settings;
    const { index } = window;
    const isGapForAll = this.#blind.isGap(ALL_SLOTS, index);
    const otherwise = this.#blind.isPartial(index) ? PARTIAL : undefined;
    let written = 0;
    let leftOut = 0;
    for (let place = 0; place < this.#knownFrom.length; place++) {
      const slot = place + this.#firstSlot;
      const hasRows = window.countOf(slot) > 0;
      if (!hasRows && index < this.#knownFrom[place]!) continue;
      const isGap = isGapForAll || this.#blind.isGap(slot, index);
      if (hasRows) {
        this.#sawRows(place, index);
        this.#one[0] = place;
        this.#writer.bars(window, this.#one, 1, isGap ? GAP : (otherwise ?? COMPLETE));
      } else if (isGap || emptyBars) {
        if (this.#filled[place]! >= fillMax) {
          leftOut++;
          continue;
        }
        this.#filled[place] = this.#filled[place]! + 1;
        written++;
        this.#writer.fill(window, slot, isGap ? GAP : (otherwise ?? EMPTY));
      }
    }
    this.notFilled += leftOut;
    return { written, leftOut };
  }

  #sawRows(place: number, index: number): void {
    this.know(place + this.#firstSlot, index);
    this.#filled[place] = 0;
  }
}
