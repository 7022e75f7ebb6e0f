import { readInt64 } from '../../../columns/int64.js';
import type { BarInput, BarTimelines, LateArrival } from './bar-timelines.js';
import type { BarWriter } from './bar-writer.js';
import { ALL_SLOTS, type RowBetween } from './blind-spots.js';
import type { RowsOutside } from './rows-outside.js';
import { StreamBegin, type StreamBeginState } from './stream-begin.js';
import { WatermarkTrail, type WatermarkTrailState } from './watermark-trail.js';
import { WindowTimeline, type WindowTimelineSettings, type WindowTimelineState } from './window-timeline.js';

interface SymbolTimeline {
  readonly slot: number;
  readonly timeline: WindowTimeline;
  readonly trail: WatermarkTrail;
}

/**
 * The windows of a stream in which a row moves only the watermark of its own symbol: each symbol has its
 * own timeline, which its rows close. Records for all symbols go to every timeline.
 */
export class SymbolTimelines implements BarTimelines {
  readonly #settings: WindowTimelineSettings;
  readonly #writer: BarWriter;
  readonly #outside: RowsOutside;
  readonly #begin = new StreamBegin();
  /** A timeline without rows: it keeps what is known about all symbols, for symbols that are yet to come. */
  readonly #all: WindowTimeline;
  readonly #allTrail = new WatermarkTrail(0);
  /** Timelines by slot. */
  readonly #timelines: (SymbolTimeline | undefined)[] = [];
  rowsTaken = 0;
  /** The last window that was marked as partial. */
  #partialLast: number | undefined;
  readonly #unpriced = new Int32Array(1);
  readonly #onLate: (input: BarInput, late: LateArrival) => void;
  /** The ends of all timelines, while the timelines are finished one after the other. */
  #finishing: { readonly last: number; readonly seenTo: number } | undefined;

  /** @param onLate - Called for rows whose window has closed. If it throws, the run ends. */
  constructor(
    settings: WindowTimelineSettings,
    writer: BarWriter,
    onLate: (input: BarInput, late: LateArrival) => void,
  ) {
    this.#settings = settings;
    this.#writer = writer;
    this.#outside = settings.outside;
    this.#all = new WindowTimeline(settings, writer, this.#begin);
    this.#onLate = onLate;
  }

  get rowsUnpriced(): number {
    return this.#unpriced[0]!;
  }

  get windowsOpen(): number {
    return this.#sum(({ windowsOpen }) => windowsOpen);
  }

  get barsNotFilled(): number {
    return this.#sum(({ barsNotFilled }) => barsNotFilled);
  }

  take(input: BarInput, start: number, end: number): number {
    const { symbols, selection } = input;
    for (let row = start; row < end; ) {
      const symbol = symbols[selection[row]!]!;
      let stop = row + 1;
      while (stop < end && symbols[selection[stop]!] === symbol) stop++;
      row = this.#takeRun(this.#timelineOf(symbol + 1), input, row, stop);
      if (row < stop) return row;
    }
    return end;
  }

  watermark(slot: number, at: bigint): boolean {
    if (slot !== ALL_SLOTS) {
      const { timeline, trail } = this.#timelineOf(slot);
      if (!timeline.close(timeline.closedBy(at))) return false;
      trail.movedTo(at);
      return true;
    }
    const end = this.#all.closedBy(at);
    for (const own of this.#timelines) if (own && !own.timeline.close(end)) return false;
    this.#all.close(end);
    this.#all.seeBegin(at);
    this.#allTrail.movedTo(at);
    return true;
  }

  gap(slot: number, from: bigint, to: bigint): void {
    if (slot !== ALL_SLOTS) this.#timelineOf(slot).timeline.gap(slot, from, to);
    else this.#each((timeline) => timeline.gap(ALL_SLOTS, from, to));
  }

  stale(slot: number, since: bigint): void {
    if (slot !== ALL_SLOTS) this.#timelineOf(slot).timeline.stale(slot, since);
    else {
      this.#each((timeline) => {
        timeline.stale(ALL_SLOTS, since);
        timeline.current = undefined; // so that the next row of any is seen to end the silence
      });
    }
  }

  reset(at: bigint): void {
    this.#each((timeline) => timeline.reset(at));
  }

  markPartial(index: number): void {
    // Bars of all symbols report the same window, one after the other; timelines that open later get the mark
    // from `#all`.
    if (index === this.#partialLast) return;
    this.#partialLast = index;
    this.#each((timeline) => timeline.markPartial(index));
  }

  markGap(slot: number, index: number): void {
    this.#timelineOf(slot).timeline.markGap(slot, index);
  }

  finish(): boolean {
    this.#finishing ??= this.#ends();
    const { last, seenTo } = this.#finishing;
    for (const own of this.#timelines) if (own && !own.timeline.finish(last, seenTo)) return false;
    this.#all.finish(last, seenTo);
    this.#finishing = undefined;
    return true;
  }

  heldTo(slot: number, reachedNs?: bigint): bigint | undefined {
    return this.#lineOf(slot).heldTo(reachedNs);
  }

  firstEnd(slot: number): bigint | undefined {
    return this.#lineOf(slot).firstEnd;
  }

  snapshot(): SymbolTimelinesState {
    const lines: SymbolTimelinesState['lines'][number][] = [];
    for (const own of this.#timelines) {
      if (own) lines.push({ slot: own.slot, line: own.timeline.snapshot(), trail: own.trail.snapshot() });
    }
    return {
      scope: 'symbol',
      begin: this.#begin.snapshot(),
      all: this.#all.snapshot(),
      trail: this.#allTrail.snapshot(),
      lines,
    };
  }

  restore({ begin, all, trail, lines }: SymbolTimelinesState): void {
    this.#partialLast = undefined;
    this.#begin.restore(begin);
    this.#all.restore(all);
    this.#allTrail.restore(trail);
    for (const state of lines) {
      const own = this.#open(state.slot);
      own.timeline.restore(state.line);
      own.trail.restore(state.trail);
    }
  }

  /** Folds consecutive rows of one symbol. */
  #takeRun({ slot, timeline, trail }: SymbolTimeline, input: BarInput, start: number, end: number): number {
    for (let row = start; row < end; ) {
      const window = timeline.current;
      if (window) {
        const next = timeline.span.firstOutside(input.times, input.selection, row, end);
        input.fold(window, row, next, timeline.span.ascends, this.#unpriced, this);
        this.rowsTaken += next - row;
        row = next;
      }
      if (row === end) break;
      const place = input.selection[row]!;
      const { closedTo } = timeline;
      const found = timeline.enter(input.times.words, place);
      if (found === 'full') return row;
      if (timeline.closedTo !== closedTo) {
        trail.moved(input, place);
        trail.lookUp();
      }
      if (found === 'open') {
        this.#endSilence(timeline.current!.index);
        continue;
      }
      if (found === 'outside') {
        this.#endSilencesBetween(slot, timeline.between);
        row = this.#passOutside(timeline, input, row + 1, end);
        continue;
      }
      const timeNs = readInt64(input.times.words, place);
      const endNs = timeline.endAt(timeNs);
      const own = trail.now();
      const all = this.#allTrail.now();
      const closing = own.mover === undefined || (all.mover && all.watermarkNs > own.watermarkNs) ? all : own;
      this.#onLate(input, { row, place, slot, timeNs, endNs, ...closing });
      row++;
    }
    return end;
  }

  /** Passes the rows that are between two windows with the one before. @returns The next row. */
  #passOutside({ span }: WindowTimeline, { times, selection }: BarInput, row: number, end: number): number {
    const next = span.firstOutside(times, selection, row, end);
    this.#outside.outside += next - row;
    return next;
  }

  #lineOf(slot: number): WindowTimeline {
    return slot === ALL_SLOTS ? this.#all : this.#timelineOf(slot).timeline;
  }

  /** Ends the silence of all symbols, since a row of one of them came. */
  #endSilence(index: number): void {
    if (!this.#all.isSilentAt(index)) return;
    this.#each((timeline) => timeline.endSilenceOfAll(index));
  }

  /** Ends the silence of a symbol and that of all, since a row of it came between two windows. */
  #endSilencesBetween(slot: number, between: RowBetween): void {
    this.#lineOf(slot).endSilenceBetween(slot, between);
    if (this.#all.hasSilences) this.#each((timeline) => timeline.endSilenceBetween(ALL_SLOTS, between));
  }

  #timelineOf(slot: number): SymbolTimeline {
    const known = this.#timelines[slot];
    if (known) return known;
    const own = this.#open(slot);
    own.timeline.restore(this.#all.snapshot());
    return own;
  }

  #open(slot: number): SymbolTimeline {
    const timeline = new WindowTimeline(this.#settings, this.#writer, this.#begin, slot);
    timeline.reserve(slot + 1);
    const own = { slot, timeline, trail: new WatermarkTrail(this.#settings.maxDelayNs) };
    this.#timelines[slot] = own;
    return own;
  }

  #each(act: (timeline: WindowTimeline) => void): void {
    act(this.#all);
    for (const own of this.#timelines) if (own) act(own.timeline);
  }

  /** What any of the timelines has seen of the stream. */
  #ends() {
    let { last, seenTo } = this.#all;
    this.#each((timeline) => {
      last = Math.max(last, timeline.last);
      seenTo = Math.max(seenTo, timeline.seenTo);
    });
    return { last, seenTo };
  }

  #sum(of: (timeline: WindowTimeline) => number): number {
    let sum = 0;
    for (const own of this.#timelines) if (own) sum += of(own.timeline);
    return sum;
  }
}

/** In checkpoints, a timeline is a `line`. */
export type SymbolTimelinesState = {
  readonly scope: 'symbol';
  readonly begin: StreamBeginState;
  /** What is known about all symbols. */
  readonly all: WindowTimelineState;
  readonly trail: WatermarkTrailState;
  readonly lines: readonly {
    readonly slot: number;
    readonly line: WindowTimelineState;
    readonly trail: WatermarkTrailState;
  }[];
};
