import { readInt64 } from '../../../columns/int64.js';
import type { BarInput, BarTimelines, LateArrival } from './bar-timelines.js';
import type { BarWriter } from './bar-writer.js';
import { ALL_SLOTS } from './blind-spots.js';
import type { RowsOutside } from './rows-outside.js';
import { StreamBegin, type StreamBeginState } from './stream-begin.js';
import { WatermarkTrail, type WatermarkTrailState } from './watermark-trail.js';
import { WindowTimeline, type WindowTimelineSettings, type WindowTimelineState } from './window-timeline.js';

/** Rows that are folded at once: as many as the kernels take. */
const ROWS_AT_ONCE = 8_192;

/**
 * The windows of a stream in which each row moves the watermark of all symbols: windows close for all
 * symbols at once, and bars come in order of window and symbol id.
 */
export class SharedTimeline implements BarTimelines {
  readonly #timeline: WindowTimeline;
  readonly #begin = new StreamBegin();
  readonly #trail: WatermarkTrail;
  readonly #outside: RowsOutside;
  rowsTaken = 0;
  readonly #unpriced = new Int32Array(1);
  readonly #onLate: (input: BarInput, late: LateArrival) => void;
  readonly #slots: () => number;

  /**
   * @param slots - Returns the current number of slots.
   * @param onLate - Called for rows whose window has closed. If it throws, the run ends.
   */
  constructor(
    settings: WindowTimelineSettings,
    writer: BarWriter,
    slots: () => number,
    onLate: (input: BarInput, late: LateArrival) => void,
  ) {
    this.#timeline = new WindowTimeline(settings, writer, this.#begin);
    this.#trail = new WatermarkTrail(settings.maxDelayNs);
    this.#outside = settings.outside;
    this.#slots = slots;
    this.#onLate = onLate;
  }

  get rowsUnpriced(): number {
    return this.#unpriced[0]!;
  }

  get windowsOpen(): number {
    return this.#timeline.windowsOpen;
  }

  get barsNotFilled(): number {
    return this.#timeline.barsNotFilled;
  }

  take(input: BarInput, start: number, end: number): number {
    const timeline = this.#timeline;
    timeline.reserve(this.#slots());
    for (let row = start; row < end; ) {
      const window = timeline.current;
      const stop = Math.min(end, row + ROWS_AT_ONCE);
      if (window) {
        const next = timeline.span.firstOutside(input.times, input.selection, row, stop);
        input.fold(window, row, next, timeline.span.ascends, this.#unpriced, this);
        this.rowsTaken += next - row;
        row = next;
      }
      if (row === stop) continue;
      const place = input.selection[row]!;
      const { closedTo } = timeline;
      const found = timeline.enter(input.times.words, place);
      if (found === 'full') return row;
      if (timeline.closedTo !== closedTo) this.#trail.moved(input, place);
      if (found === 'open') continue;
      if (found === 'outside') {
        const next = timeline.span.firstOutside(input.times, input.selection, row + 1, stop);
        this.#outside.outside += next - row - 1;
        if (timeline.hasSilences) this.#endSilences(input, row, next);
        row = next;
        continue;
      }
      const timeNs = readInt64(input.times.words, place);
      const endNs = timeline.endAt(timeNs);
      this.#onLate(input, {
        row,
        place,
        slot: input.symbols[place]! + 1,
        timeNs,
        endNs,
        ...this.#trail.now(),
      });
      row++;
    }
    return end;
  }

  /** Rows between two windows, too, show that the stream and their symbols are heard again. */
  #endSilences({ symbols, selection }: BarInput, row: number, end: number): void {
    const timeline = this.#timeline;
    timeline.endSilenceBetween(ALL_SLOTS, timeline.between);
    for (; row < end && timeline.hasSilences; row++) {
      timeline.endSilenceBetween(symbols[selection[row]!]! + 1, timeline.between);
    }
  }

  watermark(slot: number, at: bigint): boolean {
    if (slot !== ALL_SLOTS) return true; // the rows already say more
    if (!this.#timeline.close(this.#timeline.closedBy(at))) return false;
    this.#timeline.seeBegin(at);
    this.#trail.movedTo(at);
    return true;
  }

  gap(slot: number, from: bigint, to: bigint): void {
    this.#timeline.gap(slot, from, to);
  }

  stale(slot: number, since: bigint): void {
    this.#timeline.stale(slot, since);
  }

  reset(at: bigint): void {
    this.#timeline.reset(at);
  }

  finish(): boolean {
    return this.#timeline.finish(this.#timeline.last, this.#timeline.seenTo);
  }

  markPartial(index: number): void {
    this.#timeline.markPartial(index);
  }

  markGap(slot: number, index: number): void {
    this.#timeline.markGap(slot, index);
  }

  heldTo(_slot: number, reachedNs?: bigint): bigint | undefined {
    return this.#timeline.heldTo(reachedNs);
  }

  firstEnd(): bigint | undefined {
    return this.#timeline.firstEnd;
  }

  snapshot(): SharedTimelineState {
    return {
      scope: 'all',
      begin: this.#begin.snapshot(),
      trail: this.#trail.snapshot(),
      line: this.#timeline.snapshot(),
    };
  }

  restore({ begin, trail, line }: SharedTimelineState): void {
    this.#begin.restore(begin);
    this.#trail.restore(trail);
    this.#timeline.restore(line);
  }
}

/** In checkpoints, a timeline is a `line`. */
export type SharedTimelineState = {
  readonly scope: 'all';
  readonly begin: StreamBeginState;
  readonly trail: WatermarkTrailState;
  readonly line: WindowTimelineState;
};
