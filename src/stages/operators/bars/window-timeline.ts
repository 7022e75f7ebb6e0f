import { readInt64 } from '../../../columns/int64.js';
import { formatIsoNanos } from '../../../columns/iso-nanos.js';
import { PipelineError } from '../../../core/errors.js';
import { type BarWindow, CELLS, LAST } from './bar-window.js';
import type { BarWriter } from './bar-writer.js';
import { ALL_SLOTS, BlindSpots, type BlindSpotsState, type RowBetween, type Silence } from './blind-spots.js';
import { OpenWindows } from './open-windows.js';
import type { RowsOutside } from './rows-outside.js';
import type { StreamBegin } from './stream-begin.js';
import { TimeSpan } from './time-span.js';
import { WindowBars } from './window-bars.js';
import { WindowPool, type WindowPoolSettings } from './window-pool.js';
import type { RowPlace, Windows } from './windows.js';

export interface WindowTimelineSettings extends WindowPoolSettings {
  readonly windows: Windows;
  /** Rows that are in none of them. */
  readonly outside: RowsOutside;
  /** How long input bars are that may reach over the edge of a window, in ns; 0 if none does. */
  readonly reachNs: number;
  readonly latenessNs: number;
  /** How far, by the promise of the stream, a row may be behind an earlier one. */
  readonly maxDelayNs: number;
  readonly emptyBars: boolean;
  readonly fillMax: number;
}

/**
 * The windows of event time in order, of one symbol or of all: which are open, when they close, and which
 * bars they become.
 *
 * A window closes when the watermark has passed its end by the lateness. A row moves the watermark to its
 * time minus the delay that the stream promises; records move it, too. Everything here runs once per window,
 * not once per row.
 */
export class WindowTimeline {
  /** The open window that currently receives rows. */
  current: BarWindow | undefined;
  /** Times whose rows go into the current window without further checks. */
  readonly span = new TimeSpan();
  /** Where the last row was that `enter` left out. */
  between: RowBetween = { before: Number.NEGATIVE_INFINITY, next: Number.NEGATIVE_INFINITY };

  readonly #settings: WindowTimelineSettings;
  readonly #writer: BarWriter;
  readonly #begin: StreamBegin;
  readonly #firstSlot: number;
  readonly #windows: Windows;
  readonly #holdNs: number;
  readonly #pool: WindowPool;
  readonly #blind = new BlindSpots();
  readonly #bars: WindowBars;
  readonly #open = new OpenWindows();
  /** The first window that is not closed; `undefined` until any event time is known. */
  #closedTo: number | undefined;
  #seenTo = Number.NEGATIVE_INFINITY;

  /** @param firstSlot - The smallest slot whose rows it receives. */
  constructor(settings: WindowTimelineSettings, writer: BarWriter, begin: StreamBegin, firstSlot = 0) {
    this.#settings = settings;
    this.#writer = writer;
    this.#begin = begin;
    this.#firstSlot = firstSlot;
    this.#windows = settings.windows;
    this.#holdNs = settings.latenessNs + settings.maxDelayNs;
    this.#pool = new WindowPool(settings, firstSlot);
    this.#bars = new WindowBars(settings, writer, this.#blind, firstSlot);
  }

  /** Bars without rows that were left out, since a symbol had `fillMax` of them in a row. */
  get barsNotFilled(): number {
    return this.#bars.notFilled;
  }

  get windowsOpen(): number {
    return this.#open.length;
  }

  /** The first window that is not closed; `undefined` until any event time is known. */
  get closedTo(): number | undefined {
    return this.#closedTo;
  }

  /** The last window that a bar is still due for; `-Infinity` if there is none. */
  get last(): number {
    return Math.max(this.#open.last?.index ?? Number.NEGATIVE_INFINITY, this.#blind.lastGap);
  }

  /** The first window that a row between two may have been followed by; `-Infinity` if there was no such row. */
  get seenTo(): number {
    return this.#seenTo;
  }

  /** The first window that a watermark leaves open. */
  closedBy(watermarkNs: bigint): number {
    return this.#windows.at(watermarkNs - BigInt(this.#settings.latenessNs));
  }

  /** Notes a watermark of all symbols between two windows: it stands for a row that came before the next one. */
  seeBegin(watermarkNs: bigint): void {
    if (!this.#begin.isUnknown) return;
    const timeNs = watermarkNs + BigInt(this.#settings.maxDelayNs);
    const next = this.#windows.at(timeNs);
    if (this.#windows.startOf(next) > timeNs) this.#begin.see(next, true);
  }

  /** Where the window of an instant ends; else the next one. */
  endAt(timeNs: bigint): bigint {
    return this.#windows.endOf(this.#windows.at(timeNs));
  }

  /** Where the first window ends that is not closed. */
  get firstEnd(): bigint | undefined {
    return this.#closedTo === undefined ? undefined : this.#windows.endOf(this.#closedTo);
  }

  /** A lower bound on the begin of further bars. @param reachedNs - A watermark, if one is known to be reached. */
  heldTo(reachedNs: bigint | undefined): bigint | undefined {
    return this.#closedTo === undefined ? undefined : this.#windows.heldTo(this.#closedTo, reachedNs);
  }

  /** Makes room for slots below `end`. */
  reserve(end: number): void {
    if (this.#pool.reserve(end, this.#open)) this.#bars.reserve(this.#pool.slots);
  }

  /**
   * Makes the window of a row the current one, after closing the windows that its time closes.
   *
   * @returns `late` if the window has closed. `outside` if the row is in none: it is counted, and so are the rows that
   *   `span` has then. `full` if enough was written for now; call again with the same row.
   */
  enter(times: Int32Array, row: number): 'open' | 'late' | 'outside' | 'full' {
    const place = this.#windows.ofRow(times, row, this.current);
    if (!this.close(place.closes)) return 'full';
    const closedTo = this.#closedTo!; // as left by `close`
    if (place.kind !== 'in') {
      this.#leaveOut(place, readInt64(times, row), closedTo);
      return 'outside';
    }
    if (place.index < closedTo) return 'late';

    this.#begin.see(place.index, place.isStart);
    const window = this.#windowAt(place.index);
    this.current = window;
    const from = place.from === 0 && this.#begin.beganWithin(place.index) ? 1 : place.from;
    const to = Math.min(
      place.to,
      this.#windows.closesAt(place.index, closedTo),
      this.#reachesFrom(place, times, row),
    );
    this.span.set(window.startHigh, window.startLow, from, to);
    return 'open';
  }

  /**
   * Closes all windows below `end`, in order.
   *
   * @returns `false` if enough was written for now; call again.
   */
  close(end: number): boolean {
    const closedTo = this.#closedTo ?? end;
    if (end < closedTo) return true;
    if (end > closedTo) {
      if (!this.#blind.isEmpty) for (const silence of this.#blind.silences) this.#endIfOver(silence);
      if (!this.#closeFrom(closedTo, end)) return false;
    }
    if (this.#closedTo === end) return true;
    this.#closedTo = end;
    this.#blind.forgetBelow(end);
    if (this.current && this.current.index < end) this.current = undefined;
    return true;
  }

  /** Marks everything between two instants as missing; `to` itself is not. */
  gap(slot: number, from: bigint, to: bigint): void {
    const first = this.#windows.at(from);
    this.#know(slot, first);
    const end = to > from ? to : from + 1n;
    const last = this.#windows.lastAt(end - 1n);
    if (first <= last && !this.#windows.isClosed(from, end)) this.#addGap(slot, first, last); // else between two windows
  }

  markGap(slot: number, index: number): void {
    this.#know(slot, index);
    this.#addGap(slot, index, index);
  }

  markPartial(index: number): void {
    this.#blind.addPartial(index, index);
  }

  /** Marks everything since an instant as missing until rows come again. */
  stale(slot: number, since: bigint): void {
    this.#know(slot, this.#windows.at(since));
    const earlier = this.#blind.silenceOf(slot);
    if (earlier) this.#endIfOver(earlier);
    if (this.#blind.silenceOf(slot)) return; // the same silence, reported again
    const from = Math.max(this.#windows.at(since), this.#closedTo ?? Number.NEGATIVE_INFINITY);
    const isAhead = this.#windows.startOf(from) > since;
    this.#blind.beginSilence({ slot, from, rows: this.#rowsIn(from, slot), isAhead });
  }

  get hasSilences(): boolean {
    return this.#blind.hasSilences;
  }

  /** Ends the silence of a symbol (`ALL_SLOTS`: of all), because a row came between two windows. */
  endSilenceBetween(slot: number, between: RowBetween): void {
    const silence = this.#blind.silenceOf(slot);
    if (!silence) return;
    this.#endIfOver(silence); // rows may have come before
    this.#blind.endSilenceBetween(slot, between);
    this.#blind.forgetBelow(this.#closedTo ?? Number.NEGATIVE_INFINITY);
  }

  /** Whether a row in a window ends a silence of all symbols. */
  isSilentAt(index: number): boolean {
    const silence = this.#blind.silenceOf(ALL_SLOTS);
    return silence !== undefined && index >= silence.from;
  }

  /** Ends the silence of all symbols, because another timeline got a row. */
  endSilenceOfAll(index: number): void {
    const silence = this.#blind.silenceOf(ALL_SLOTS);
    if (silence && index >= silence.from) this.#blind.endSilence(silence, index);
  }

  /** Marks the window of an instant as partial, and all later windows that already have rows. */
  reset(at: bigint): void {
    const from = this.#windows.at(at);
    if (this.#windows.startOf(from) <= at && !this.#windows.isClosed(at, at + 1n)) this.markPartial(from);
    for (const { index } of this.#open) if (this.#windows.startOf(index) > at) this.markPartial(index);
  }

  /**
   * Closes all windows, including those of a gap after the last row.
   *
   * @param last - The last window of the stream.
   * @param seenTo - The first window that the stream was not seen past. The last one was not seen to its end if it is
   *   not below that.
   * @returns `false` if enough was written for now; call again.
   */
  finish(last: number, seenTo: number): boolean {
    if (seenTo > last) return this.close(seenTo);
    if (last === Number.NEGATIVE_INFINITY) return true;
    this.markPartial(last);
    return this.close(last + 1);
  }

  snapshot(): WindowTimelineState {
    return {
      closedTo: this.#closedTo ?? null,
      windows: Array.from(this.#open, (window) => ({
        index: window.index,
        ...spanIn(this.#windows, window.index),
        cells: Array.from(window.touched.subarray(0, window.touchedCount), (place) => {
          const [from, to] = [place * CELLS, place * CELLS + CELLS];
          return [
            place + this.#firstSlot,
            ...window.cells.subarray(from, to),
            ...window.extras.subarray(from, to),
          ];
        }),
      })),
      known: this.#bars.snapshot(),
      blind: this.#blind.snapshot(),
      ...(Number.isFinite(this.#seenTo) && { seenTo: this.#seenTo }),
    };
  }

  restore(state: WindowTimelineState): void {
    for (const [slot] of state.known) this.reserve(slot! + 1);
    this.#closedTo = state.closedTo ?? undefined;
    this.#bars.restore(state.known);
    for (const { index, span, cells } of state.windows) {
      this.#checkSpan(index, span);
      for (const [slot] of cells) this.reserve(slot! + 1);
      const window = this.#windowAt(index);
      for (const [slot, ...values] of cells) {
        const place = slot! - this.#firstSlot;
        window.touched[window.touchedCount++] = place;
        window.cells.set(values.slice(0, CELLS), place * CELLS);
        if (window.extras.length > 0) window.extras.set(values.slice(CELLS), place * CELLS);
        window.lastKey = Math.max(window.lastKey, values[LAST]!);
      }
    }
    this.#blind.restore(state.blind);
    this.#seenTo = state.seenTo ?? Number.NEGATIVE_INFINITY;
  }

  /** Leaves out a row that is in no window, and has `span` say which rows behind it are where it is. */
  #leaveOut({ kind, index, to }: RowPlace, timeNs: bigint, closedTo: number): void {
    const { outside } = this.#settings;
    this.current = undefined;
    this.between = { before: this.#windows.lastAt(timeNs), next: index };
    if (index > this.#seenTo) this.#seenTo = index;
    if (index >= closedTo && this.between.before < index) this.#begin.see(index, true);
    if (kind === 'unknown') {
      outside.addUnknown(timeNs);
      // It may have been of this window.
      if (this.#windows.startOf(index) <= timeNs) this.markPartial(index);
    } else outside.outside++;
    const closesIn = Number(this.#windows.endOf(closedTo) - timeNs) + this.#holdNs;
    const end = kind === 'unknown' ? 0 : Math.min(to, closesIn, this.#reachesIn(index, to, timeNs));
    this.span.set(Number(timeNs >> 32n), Number(timeNs & 0xffff_ffffn), 0, end);
  }

  /**
   * Marks what a bar in a window reaches over: its window has too much, the next one lacks something.
   *
   * @returns Ns since the begin of the window from which on bars have to be asked for one by one.
   */
  #reachesFrom({ index }: RowPlace, times: Int32Array, row: number): number {
    const { reachNs, outside } = this.#settings;
    if (reachNs === 0) return Number.POSITIVE_INFINITY;
    const start = this.#windows.startOf(index);
    const length = Number(this.#windows.endOf(index) - start);
    const timeNs = readInt64(times, row);
    const offset = Number(timeNs - start);
    if (offset + reachNs <= length) return length - reachNs + 1;
    outside.reaching++;
    this.markPartial(index);
    const next = this.#windows.from(index + 1);
    if (this.#windows.startOf(next) < timeNs + BigInt(reachNs)) this.markPartial(next);
    return offset + 1;
  }

  /**
   * Marks the window that a bar before it, or in its break, reaches into: it lacks something.
   *
   * @param to - Ns to the end of the time between windows, or of the break.
   * @returns Ns since the bar from which on bars have to be asked for one by one.
   */
  #reachesIn(next: number, to: number, timeNs: bigint): number {
    const { reachNs, outside } = this.#settings;
    if (reachNs === 0) return Number.POSITIVE_INFINITY;
    const startsIn = Number(this.#windows.startOf(next) - timeNs);
    const opensIn = startsIn > 0 ? startsIn : to;
    if (opensIn >= reachNs || opensIn <= 1) return opensIn - reachNs + 1; // 1: nobody knows when
    outside.reaching++;
    this.markPartial(next);
    return 1;
  }

  /** @throws {PipelineError} `CHECKPOINT_INVALID` for a window that begins or ends elsewhere now. */
  #checkSpan(index: number, span: readonly [string, string] | undefined): void {
    const now = this.#windows.spanOf(index);
    if (span?.[0] === now?.[0] && span?.[1] === now?.[1] && this.#windows.from(index) === index) return;
    const [from, to] = (span ?? []).map((instant) => formatIsoNanos(BigInt(instant)));
    throw new PipelineError(
      'CHECKPOINT_INVALID',
      `Expected the sessions of bars that are open to be those of the checkpoint, ${from} to ${to}, found others; was the calendar changed? ` +
        'Change it when this session has closed, or start the job anew without its checkpoint',
    );
  }

  #windowAt(index: number): BarWindow {
    const found = this.#open.find(index);
    if (found) return found;
    const window = this.#pool.take();
    window.moveTo(index, this.#windows.startOf(index), this.#windows.endOf(index));
    this.#open.add(window);
    return window;
  }

  #addGap(slot: number, from: number, to: number): void {
    this.#blind.addGap(slot, from, to);
    this.#blind.forgetBelow(this.#closedTo ?? Number.NEGATIVE_INFINITY);
  }

  #know(slot: number, index: number): void {
    if (slot === ALL_SLOTS) return;
    this.reserve(slot + 1);
    this.#bars.know(slot, index);
  }

  #rowsIn(index: number, slot: number): number {
    const window = this.#open.find(index);
    if (!window) return 0;
    return slot === ALL_SLOTS ? window.count : window.countOf(slot);
  }

  /** Ends a silence if a row has come since. */
  #endIfOver(silence: Silence): void {
    for (const { index } of this.#open) {
      if (index < silence.from) continue;
      const before = index === silence.from ? silence.rows : 0;
      if (this.#rowsIn(index, silence.slot) <= before) continue;
      this.#blind.endSilence(silence, index);
      return;
    }
  }

  /** @returns `false` if enough was written for now. The windows closed so far stay closed. */
  #closeFrom(begin: number, end: number): boolean {
    let index = this.#windows.from(begin);
    for (;;) {
      index = this.#nextWithBars(index);
      if (index >= end) return true;
      if (this.#writer.isFull) break;
      const window = this.#open.first?.index === index ? this.#open.takeFirst() : undefined;
      if (window) this.#closeWindow(window);
      else index = this.#fillFrom(index, end);
      index = this.#windows.from(index + 1);
    }
    this.#closedTo = index;
    if (this.current && this.current.index < index) this.current = undefined;
    return false;
  }

  #nextWithBars(index: number): number {
    const open = this.#open.first?.index ?? Number.POSITIVE_INFINITY;
    if (this.#bars.knowsNone) return open;
    return this.#settings.emptyBars ? index : Math.min(open, this.#windows.from(this.#blind.nextGap(index)));
  }

  #closeWindow(window: BarWindow): void {
    const { index } = window;
    if (this.#begin.beganWithin(index) || this.#windows.isUncertain(index)) this.markPartial(index);
    this.#bars.write(window);
    window.clear();
    this.#pool.giveBack(window);
  }

  /**
   * Writes the bars of a window that has no rows at all.
   *
   * @returns The last window that is finished. This may be a later one, if the windows up to it would
   *   write nothing.
   */
  #fillFrom(index: number, end: number): number {
    if (this.#windows.isUncertain(index)) this.markPartial(index);
    const window = this.#pool.take();
    window.moveTo(index, this.#windows.startOf(index), this.#windows.endOf(index));
    const { written, leftOut } = this.#bars.write(window);
    this.#pool.giveBack(window);
    if (written > 0 || leftOut === 0) return index;
    const open = this.#open.first?.index ?? Number.POSITIVE_INFINITY;
    const next = Math.min(end, open, this.#blind.nextEdge(index));
    this.#bars.notFilled += leftOut * this.#windows.count(index + 1, next);
    return next - 1;
  }
}

/** For a checkpoint. */
const spanIn = (windows: Windows, index: number) => {
  const span = windows.spanOf(index);
  return span && { span };
};

/** Plain data. The cells of a slot: the slot, then its cells. */
export type WindowTimelineState = {
  readonly closedTo: number | null;
  readonly windows: readonly {
    readonly index: number;
    /** Begin and end, where the index does not say them. */
    readonly span?: readonly [string, string];
    readonly cells: readonly (readonly number[])[];
  }[];
  /** Slot, first window in which it is known, and bars without rows since the last one with rows. */
  readonly known: readonly (readonly number[])[];
  readonly blind: BlindSpotsState;
  readonly seenTo?: number;
};
