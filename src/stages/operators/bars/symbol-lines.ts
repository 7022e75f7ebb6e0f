import { readInt64 } from '../../../columns/int64.js';
import type { BarInput, BarLines, LateArrival } from './bar-lines.js';
import type { BarWriter } from './bar-writer.js';
import { ALL_SLOTS } from './blind-spots.js';
import { StreamBegin, type StreamBeginState } from './stream-begin.js';
import { WatermarkTrail, type WatermarkTrailState } from './watermark-trail.js';
import { WindowLine, type WindowLineSettings, type WindowLineState } from './window-line.js';

interface SymbolLine {
  readonly slot: number;
  readonly line: WindowLine;
  readonly trail: WatermarkTrail;
}

/**
 * The windows of a stream in which a row moves only the watermark of its own symbol: each symbol has its
 * own line of windows, which its rows close. Records for all symbols go to every line.
 */
export class SymbolLines implements BarLines {
  readonly #settings: WindowLineSettings;
  readonly #writer: BarWriter;
  readonly #everyNs: bigint;
  readonly #begin = new StreamBegin();
  /** A line without rows: it keeps what is known about all symbols, for symbols that are yet to come. */
  readonly #all: WindowLine;
  readonly #allTrail = new WatermarkTrail(0);
  /** Lines by slot. */
  readonly #lines: (SymbolLine | undefined)[] = [];
  rowsTaken = 0;
  /** The last window that was marked as partial. */
  #partialLast: number | undefined;
  readonly #unpriced = new Int32Array(1);
  readonly #onLate: (input: BarInput, late: LateArrival) => void;
  /** The last window of all lines, while the lines are finished one after the other. */
  #finishing: number | undefined;

  /** @param onLate - Called for rows whose window has closed. If it throws, the run ends. */
  constructor(
    settings: WindowLineSettings,
    writer: BarWriter,
    onLate: (input: BarInput, late: LateArrival) => void,
  ) {
    this.#settings = settings;
    this.#writer = writer;
    this.#everyNs = BigInt(settings.everyNs);
    this.#all = new WindowLine(settings, writer, this.#begin);
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
      row = this.#takeRun(this.#lineOf(symbol + 1), input, row, stop);
      if (row < stop) return row;
    }
    return end;
  }

  watermark(slot: number, at: bigint): boolean {
    if (slot !== ALL_SLOTS) {
      const { line, trail } = this.#lineOf(slot);
      if (!line.close(line.closedBy(at))) return false;
      trail.movedTo(at);
      return true;
    }
    const end = this.#all.closedBy(at);
    for (const own of this.#lines) if (own && !own.line.close(end)) return false;
    this.#all.close(end);
    this.#allTrail.movedTo(at);
    return true;
  }

  gap(slot: number, from: bigint, to: bigint): void {
    if (slot !== ALL_SLOTS) this.#lineOf(slot).line.gap(slot, from, to);
    else this.#each((line) => line.gap(ALL_SLOTS, from, to));
  }

  stale(slot: number, since: bigint): void {
    if (slot !== ALL_SLOTS) this.#lineOf(slot).line.stale(slot, since);
    else {
      this.#each((line) => {
        line.stale(ALL_SLOTS, since);
        line.current = undefined; // so that the next row of any is seen to end the silence
      });
    }
  }

  reset(at: bigint): void {
    this.#each((line) => line.reset(at));
  }

  markPartial(index: number): void {
    // Bars of all symbols report the same window, one after the other; lines that open later get the mark
    // from `#all`.
    if (index === this.#partialLast) return;
    this.#partialLast = index;
    this.#each((line) => line.markPartial(index));
  }

  markGap(slot: number, index: number): void {
    this.#lineOf(slot).line.markGap(slot, index);
  }

  finish(): boolean {
    let last = this.#finishing ?? this.#all.last;
    if (this.#finishing === undefined)
      for (const own of this.#lines) last = Math.max(last, own?.line.last ?? last);
    this.#finishing = last;
    for (const own of this.#lines) if (own && !own.line.finish(last)) return false;
    this.#all.finish(last);
    this.#finishing = undefined;
    return true;
  }

  heldTo(slot: number): bigint | undefined {
    const { closedTo } = slot === ALL_SLOTS ? this.#all : this.#lineOf(slot).line;
    return closedTo === undefined ? undefined : BigInt(closedTo) * this.#everyNs;
  }

  snapshot(): SymbolLinesState {
    const lines: SymbolLinesState['lines'][number][] = [];
    for (const own of this.#lines) {
      if (own) lines.push({ slot: own.slot, line: own.line.snapshot(), trail: own.trail.snapshot() });
    }
    return {
      scope: 'symbol',
      begin: this.#begin.snapshot(),
      all: this.#all.snapshot(),
      trail: this.#allTrail.snapshot(),
      lines,
    };
  }

  restore({ begin, all, trail, lines }: SymbolLinesState): void {
    this.#partialLast = undefined;
    this.#begin.restore(begin);
    this.#all.restore(all);
    this.#allTrail.restore(trail);
    for (const state of lines) {
      const own = this.#open(state.slot);
      own.line.restore(state.line);
      own.trail.restore(state.trail);
    }
  }

  /** Folds consecutive rows of one symbol. */
  #takeRun({ slot, line, trail }: SymbolLine, input: BarInput, start: number, end: number): number {
    for (let row = start; row < end; ) {
      const window = line.current;
      if (window) {
        const next = line.span.firstOutside(input.times, input.selection, row, end);
        input.fold(window, row, next, line.span.ascends, this.#unpriced, this);
        this.rowsTaken += next - row;
        row = next;
      }
      if (row === end) break;
      const place = input.selection[row]!;
      const { closedTo } = line;
      const found = line.enter(input.times.words, place);
      if (found === 'full') return row;
      if (line.closedTo !== closedTo) {
        trail.moved(input, place);
        trail.lookUp();
      }
      if (found === 'open') {
        this.#endSilence(line.current!.index);
        continue;
      }
      const timeNs = readInt64(input.times.words, place);
      const endNs = (BigInt(line.indexOf(timeNs)) + 1n) * this.#everyNs;
      const own = trail.now();
      const all = this.#allTrail.now();
      const closing = own.mover === undefined || (all.mover && all.watermarkNs > own.watermarkNs) ? all : own;
      this.#onLate(input, { row, place, slot, timeNs, endNs, ...closing });
      row++;
    }
    return end;
  }

  /** Ends the silence of all symbols, since a row of one of them came. */
  #endSilence(index: number): void {
    if (!this.#all.isSilentAt(index)) return;
    this.#each((line) => line.endSilenceOfAll(index));
  }

  #lineOf(slot: number): SymbolLine {
    const known = this.#lines[slot];
    if (known) return known;
    const own = this.#open(slot);
    own.line.restore(this.#all.snapshot());
    return own;
  }

  #open(slot: number): SymbolLine {
    const line = new WindowLine(this.#settings, this.#writer, this.#begin, slot);
    line.reserve(slot + 1);
    const own = { slot, line, trail: new WatermarkTrail(this.#settings.maxDelayNs) };
    this.#lines[slot] = own;
    return own;
  }

  #each(act: (line: WindowLine) => void): void {
    act(this.#all);
    for (const own of this.#lines) if (own) act(own.line);
  }

  #sum(of: (line: WindowLine) => number): number {
    let sum = 0;
    for (const own of this.#lines) if (own) sum += of(own.line);
    return sum;
  }
}

export type SymbolLinesState = {
  readonly scope: 'symbol';
  readonly begin: StreamBeginState;
  /** What is known about all symbols. */
  readonly all: WindowLineState;
  readonly trail: WatermarkTrailState;
  readonly lines: readonly {
    readonly slot: number;
    readonly line: WindowLineState;
    readonly trail: WatermarkTrailState;
  }[];
};
