import { readInt64 } from '../../core/int64.js';
import { BarWindow, CELLS, COUNT } from './bar-window.js';
import { type BarWriter, COMPLETE, EMPTY, GAP, PARTIAL } from './bar-writer.js';
import { ALL_SLOTS, BlindSpots, type BlindSpotsState, type Silence } from './blind-spots.js';
import { TimeSpan } from './time-span.js';

const TWO_32 = 4_294_967_296;
/** Spare windows kept for use again. */
const SPARES_MAX = 4;

export interface WindowLineSettings {
  readonly everyNs: number;
  readonly latenessNs: number;
  readonly emptyBars: boolean;
  readonly fillMax: number;
}

/**
 * The windows of event time in their order: which are open, when they close, and the bars that they
 * become.
 *
 * A window is known by its index, begin ÷ length, which is a whole number in a double. It closes as
 * soon as a row comes whose time is past its end by the lateness; which row that is depends on
 * neither batches nor wall time. Everything here runs once a window, not once a row.
 */
export class WindowLine {
  /** The open window that rows are taken into at the moment. */
  current: BarWindow | undefined;
  /** Times whose rows go into the current window without a closer look. */
  readonly span = new TimeSpan();
  /** Bars without rows that were left out, since a symbol had `fillMax` of them in a row. */
  barsNotFilled = 0;

  readonly #settings: WindowLineSettings;
  readonly #writer: BarWriter;
  readonly #every: bigint;
  readonly #lateness: bigint;
  readonly #blind = new BlindSpots();
  /** In order of index. */
  #open: BarWindow[] = [];
  readonly #spares: BarWindow[] = [];
  /** The first window that is not closed; `undefined` until the first row. */
  #closedTo: number | undefined;
  /** Whether a window with rows was closed: until then it is not known which one is the first. */
  #hasClosed = false;
  #slots = 0;
  /** By slot: 1 once the symbol is known, and its bars without rows since the last one with. */
  #known = new Uint8Array(0);
  #filled = new Int32Array(0);
  #knownCount = 0;

  constructor(settings: WindowLineSettings, writer: BarWriter) {
    this.#settings = settings;
    this.#writer = writer;
    this.#every = BigInt(settings.everyNs);
    this.#lateness = BigInt(settings.latenessNs);
  }

  get windowsOpen(): number {
    return this.#open.length;
  }

  /** The least time, ns since 1970, that is not too late. Only after the first row. */
  get notLateNs(): bigint {
    return BigInt(this.#closedTo ?? 0) * this.#every;
  }

  /** Makes room for slots 0 to `slots` − 1. */
  reserve(slots: number): void {
    if (slots <= this.#slots) return;
    this.#slots = Math.max(slots, 2 * this.#slots, 16);
    for (const window of this.#open) window.grow(this.#slots);
    this.#spares.length = 0;
    const { length } = this.#known;
    const known = new Uint8Array(this.#slots);
    const filled = new Int32Array(this.#slots);
    if (length > 0) {
      known.set(this.#known);
      filled.set(this.#filled);
    }
    this.#known = known;
    this.#filled = filled;
  }

  /**
   * Makes the window of a row the current one, after closing those that its time closes.
   *
   * @returns Whether there is such a window: false for a row that is too late.
   */
  enter(times: Int32Array, row: number): boolean {
    const { everyNs, latenessNs } = this.#settings;
    const time = this.#place(times, row);
    if (this.#closedTo === undefined) {
      this.#closedTo = time.closes;
      this.#blind.forgetBelow(time.closes);
    }
    if (time.index < this.#closedTo) return false;
    if (time.closes > this.#closedTo) this.#closeTo(time.closes);

    const window = this.#windowAt(time.index);
    if (time.isStart) window.sawStart = true;
    this.current = window;
    const from = window.sawStart || this.#hasClosed ? 0 : 1;
    const to = Math.min(everyNs, (this.#closedTo + 1 - window.index) * everyNs + latenessNs);
    this.span.set(window.startHigh, window.startLow, from, to);
    return true;
  }

  /** Everything between two instants is missing; `to` itself is not. */
  gap(slot: number, from: bigint, to: bigint): void {
    this.#know(slot);
    const last = to > from ? to - 1n : from;
    this.#blind.addGap(slot, this.#indexOf(from), this.#indexOf(last));
    this.#blind.forgetBelow(this.#closedTo ?? Number.NEGATIVE_INFINITY);
  }

  /** Nothing has come since an instant: all is missing until rows come again. */
  stale(slot: number, since: bigint): void {
    this.#know(slot);
    const earlier = this.#blind.silenceOf(slot);
    if (earlier) this.#endIfOver(earlier);
    if (this.#blind.silenceOf(slot)) return; // the same silence, told again
    const from = Math.max(this.#indexOf(since), this.#closedTo ?? Number.NEGATIVE_INFINITY);
    this.#blind.beginSilence({ slot, from, rows: this.#rowsIn(from, slot) });
  }

  /** What is open at an instant was not seen as one. */
  reset(at: bigint): void {
    const index = this.#indexOf(at);
    this.#blind.addPartial(index, index);
    for (const window of this.#open) this.#blind.addPartial(window.index, window.index);
  }

  /** Closes all windows, those of a gap behind the last row too; the last one was not seen to its end. */
  finish(): void {
    const last = Math.max(this.#open.at(-1)?.index ?? Number.NEGATIVE_INFINITY, this.#blind.lastGap);
    if (last === Number.NEGATIVE_INFINITY) return;
    this.#blind.addPartial(last, last);
    this.#closeTo(last + 1);
  }

  snapshot(): WindowLineState {
    const known: number[][] = [];
    for (let slot = 0; slot < this.#slots; slot++) {
      if (this.#known[slot] === 1) known.push([slot, this.#filled[slot]!]);
    }
    return {
      closedTo: this.#closedTo ?? null,
      hasClosed: this.#hasClosed,
      windows: this.#open.map((window) => ({
        index: window.index,
        sawStart: window.sawStart,
        cells: Array.from(window.touched.subarray(0, window.touchedCount), (slot) => [
          slot,
          ...window.cells.subarray(slot * CELLS, slot * CELLS + COUNT + 1),
        ]),
      })),
      known,
      blind: this.#blind.snapshot(),
    };
  }

  restore(state: WindowLineState): void {
    for (const [slot] of state.known) this.reserve(slot! + 1);
    this.#closedTo = state.closedTo ?? undefined;
    this.#hasClosed = state.hasClosed;
    for (const [slot, filled] of state.known) {
      this.#know(slot!);
      this.#filled[slot!] = filled!;
    }
    for (const { index, sawStart, cells } of state.windows) {
      for (const [slot] of cells) this.reserve(slot! + 1);
      const window = this.#windowAt(index);
      window.sawStart = sawStart;
      for (const [slot, ...values] of cells) {
        window.touched[window.touchedCount++] = slot!;
        window.cells.set(values, slot! * CELLS);
      }
    }
    this.#blind.restore(state.blind);
  }

  /** Where a row's time stands: by arithmetic on doubles where that is exact, else on bigints. */
  #place(times: Int32Array, row: number): { index: number; closes: number; isStart: boolean } {
    const { everyNs, latenessNs } = this.#settings;
    const near = this.current;
    if (near) {
      const offset =
        (times[2 * row + 1]! - near.startHigh) * TWO_32 + ((times[2 * row]! >>> 0) - near.startLow);
      if (Math.abs(offset) + latenessNs <= Number.MAX_SAFE_INTEGER) {
        const steps = floorDivide(offset, everyNs);
        return {
          index: near.index + steps,
          closes: near.index + floorDivide(offset - latenessNs, everyNs),
          isStart: steps * everyNs === offset,
        };
      }
    }
    const time = readInt64(times, row);
    return {
      index: this.#indexOf(time),
      closes: this.#indexOf(time - this.#lateness),
      isStart: time % this.#every === 0n,
    };
  }

  #indexOf(time: bigint): number {
    const quotient = time / this.#every;
    return Number(time < 0n && quotient * this.#every !== time ? quotient - 1n : quotient);
  }

  #windowAt(index: number): BarWindow {
    let place = this.#open.length;
    while (place > 0 && this.#open[place - 1]!.index > index) place--;
    const found = this.#open[place - 1];
    if (found?.index === index) return found;
    const window = this.#spares.pop() ?? new BarWindow(this.#slots);
    window.moveTo(index, this.#every);
    this.#open.splice(place, 0, window);
    return window;
  }

  #know(slot: number): void {
    if (slot === ALL_SLOTS) return;
    this.reserve(slot + 1);
    if (this.#known[slot] === 1) return;
    this.#known[slot] = 1;
    this.#knownCount++;
  }

  #sawRowsOf(slot: number): void {
    this.#know(slot);
    this.#filled[slot] = 0;
  }

  #rowsIn(index: number, slot: number): number {
    const window = this.#open.find((open) => open.index === index);
    if (!window) return 0;
    return slot === ALL_SLOTS ? window.count : window.countOf(slot);
  }

  /** A silence is over with the first row since. */
  #endIfOver(silence: Silence): void {
    for (const { index } of this.#open) {
      if (index < silence.from) continue;
      const before = index === silence.from ? silence.rows : 0;
      if (this.#rowsIn(index, silence.slot) <= before) continue;
      this.#blind.endSilence(silence, index);
      return;
    }
  }

  /** Closes, in order, all windows below `end`. */
  #closeTo(end: number): void {
    if (!this.#blind.isEmpty) for (const silence of this.#blind.silences) this.#endIfOver(silence);
    let index = this.#closedTo ?? end;
    for (;;) {
      index = this.#nextWithBars(index);
      if (index >= end) break;
      const window = this.#open[0]?.index === index ? this.#open.shift() : undefined;
      if (window) this.#closeWindow(window);
      else index = this.#fillFrom(index, end);
      index++;
    }
    this.#closedTo = end;
    this.#blind.forgetBelow(end);
    if (this.current && this.current.index < end) this.current = undefined;
  }

  #nextWithBars(index: number): number {
    const open = this.#open[0]?.index ?? Number.POSITIVE_INFINITY;
    if (this.#knownCount === 0) return open;
    return this.#settings.emptyBars ? index : Math.min(open, this.#blind.nextGap(index));
  }

  #closeWindow(window: BarWindow): void {
    const { index } = window;
    if (!this.#hasClosed && !window.sawStart) this.#blind.addPartial(index, index);
    this.#hasClosed = true;
    if (this.#settings.emptyBars || !this.#blind.isClear(index)) this.#writeAll(window);
    else this.#writeTouched(window);
    window.clear();
    if (this.#spares.length < SPARES_MAX) this.#spares.push(window);
  }

  /** Bars of the symbols with rows alone. */
  #writeTouched(window: BarWindow): void {
    const mark = this.#blind.isPartial(window.index) ? PARTIAL : COMPLETE;
    const { touched, touchedCount } = window;
    if (touchedCount > 1) touched.subarray(0, touchedCount).sort();
    for (let i = 0; i < touchedCount; i++) this.#sawRowsOf(touched[i]!);
    this.#writer.bars(window, touched, touchedCount, mark);
  }

  /**
   * Bars of the symbols with rows, and of those known that have none.
   *
   * @returns How many of the latter were written, and left out.
   */
  #writeAll(window: BarWindow): { written: number; leftOut: number } {
    const { emptyBars, fillMax } = this.#settings;
    const { index } = window;
    const isGapForAll = this.#blind.isGap(ALL_SLOTS, index);
    const otherwise = this.#blind.isPartial(index) ? PARTIAL : undefined;
    const one = new Int32Array(1);
    let written = 0;
    let leftOut = 0;
    for (let slot = 0; slot < this.#slots; slot++) {
      const hasRows = window.countOf(slot) > 0;
      if (!hasRows && this.#known[slot] === 0) continue;
      const isGap = isGapForAll || this.#blind.isGap(slot, index);
      if (hasRows) {
        this.#sawRowsOf(slot);
        one[0] = slot;
        this.#writer.bars(window, one, 1, isGap ? GAP : (otherwise ?? COMPLETE));
      } else if (isGap || emptyBars) {
        if (this.#filled[slot]! >= fillMax) {
          leftOut++;
          continue;
        }
        this.#filled[slot] = this.#filled[slot]! + 1;
        written++;
        this.#writer.fill(window, slot, isGap ? GAP : (otherwise ?? EMPTY));
      }
    }
    this.barsNotFilled += leftOut;
    return { written, leftOut };
  }

  /**
   * Bars of a window without any rows.
   *
   * @returns The last window that is done with: further on, where nothing more would be written.
   */
  #fillFrom(index: number, end: number): number {
    const window = this.#spares.pop() ?? new BarWindow(this.#slots);
    window.moveTo(index, this.#every);
    const { written, leftOut } = this.#writeAll(window);
    this.#spares.push(window);
    if (written > 0 || leftOut === 0) return index;
    const open = this.#open[0]?.index ?? Number.POSITIVE_INFINITY;
    const next = Math.min(end, open, this.#blind.nextEdge(index));
    this.barsNotFilled += leftOut * (next - index - 1);
    return next - 1;
  }
}

/** Both whole, of magnitudes below 2⁵³: the quotient in doubles may be one off where it is large. */
function floorDivide(dividend: number, divisor: number): number {
  const quotient = Math.floor(dividend / divisor);
  const rest = dividend - quotient * divisor;
  return rest < 0 ? quotient - 1 : rest >= divisor ? quotient + 1 : quotient;
}

/** Plain data. Cells of a slot: the slot, then the cells up to the count. */
export type WindowLineState = {
  readonly closedTo: number | null;
  readonly hasClosed: boolean;
  readonly windows: readonly {
    readonly index: number;
    readonly sawStart: boolean;
    readonly cells: readonly (readonly number[])[];
  }[];
  /** Slot and bars without rows since the last with. */
  readonly known: readonly (readonly number[])[];
  readonly blind: BlindSpotsState;
};
