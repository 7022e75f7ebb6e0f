import { IndexRanges } from './index-ranges.js';

/** Stands for all symbols in place of a slot. */
export const ALL_SLOTS = -1;

/** A silence that lasts until rows come. */
export interface Silence {
  readonly slot: number;
  /** Window in which it began. */
  readonly from: number;
  /** Rows that this window had by then. */
  readonly rows: number;
  /** Whether it began before that window, which had not begun or is the first one that is not closed. */
  readonly isAhead: boolean;
}

/** Where a row between two windows is. Of one in the break of a session, both are that of the session. */
export interface RowBetween {
  readonly before: number;
  readonly next: number;
}

/**
 * Windows that were not seen, or not completely. Gaps and silences are kept by symbol (or for all
 * symbols); windows that were entered late or left early (`partial`) apply to all.
 */
export class BlindSpots {
  readonly #gaps = new Map<number, IndexRanges>();
  readonly #partial = new IndexRanges();
  readonly #silences = new Map<number, Silence>();

  /**
   * Whether nothing is missing, which is the usual case. Checked first, since windows may close by the
   * million.
   */
  get isEmpty(): boolean {
    return this.#gaps.size === 0 && this.#silences.size === 0 && this.#partial.isEmpty;
  }

  get hasSilences(): boolean {
    return this.#silences.size > 0;
  }

  get silences(): readonly Silence[] {
    return [...this.#silences.values()];
  }

  addGap(slot: number, from: number, to: number): void {
    let ranges = this.#gaps.get(slot);
    if (!ranges) {
      ranges = new IndexRanges();
      this.#gaps.set(slot, ranges);
    }
    ranges.add(from, to);
  }

  addPartial(from: number, to: number): void {
    this.#partial.add(from, to);
  }

  silenceOf(slot: number): Silence | undefined {
    return this.#silences.get(slot);
  }

  beginSilence(silence: Silence): void {
    this.#silences.set(silence.slot, silence);
  }

  /** Turns a silence into a gap that ends with a window. */
  endSilence({ slot, from }: Silence, to: number): void {
    this.#silences.delete(slot);
    this.addGap(slot, from, to);
  }

  /**
   * Ends the silence of a slot, because a row came between two windows: it goes up to the one before. If it began
   * between the same two, it marks none.
   */
  endSilenceBetween(slot: number, { before, next }: RowBetween): void {
    const silence = this.#silences.get(slot);
    if (!silence) return;
    const { from, isAhead } = silence;
    if (before >= from) this.endSilence(silence, before);
    else if (isAhead && next >= from) this.#silences.delete(slot);
  }

  /** Whether nothing is known to be missing in a window, for any symbol. */
  isClear(index: number): boolean {
    return this.nextGap(index) > index;
  }

  isGap(slot: number, index: number): boolean {
    return this.#isGapOf(ALL_SLOTS, index) || this.#isGapOf(slot, index);
  }

  isPartial(index: number): boolean {
    return this.#partial.has(index);
  }

  /** The smallest index from `index` on at which something is missing; `Infinity` if there is none. */
  nextGap(index: number): number {
    let next = Number.POSITIVE_INFINITY;
    if (this.isEmpty) return next;
    for (const ranges of this.#gaps.values()) next = Math.min(next, ranges.next(index));
    for (const { from } of this.#silences.values()) next = Math.min(next, Math.max(from, index));
    return next;
  }

  /**
   * The greatest index in any gap; `-Infinity` if there is none. A silence is ignored, since it has no
   * end yet.
   */
  get lastGap(): number {
    let last = Number.NEGATIVE_INFINITY;
    for (const ranges of this.#gaps.values()) last = Math.max(last, ranges.last);
    return last;
  }

  /** The smallest index above `index` at which a gap begins or ends; `Infinity` if there is none. */
  nextEdge(index: number): number {
    let next = Number.POSITIVE_INFINITY;
    for (const ranges of this.#gaps.values()) next = Math.min(next, ranges.nextEdge(index));
    for (const { from } of this.#silences.values()) if (from > index) next = Math.min(next, from);
    return next;
  }

  forgetBelow(index: number): void {
    if (this.isEmpty) return;
    this.#partial.forgetBelow(index);
    for (const [slot, ranges] of this.#gaps) {
      ranges.forgetBelow(index);
      if (ranges.isEmpty) this.#gaps.delete(slot);
    }
  }

  snapshot(): BlindSpotsState {
    return {
      gaps: [...this.#gaps].flatMap(([slot, { ranges }]) => ranges.map(([from, to]) => [slot, from, to])),
      partial: this.#partial.ranges.map((range) => [...range]),
      silences: [...this.#silences.values()].map(({ slot, from, rows, isAhead }) => [
        slot,
        from,
        rows,
        isAhead ? 1 : 0,
      ]),
    };
  }

  restore(state: BlindSpotsState): void {
    for (const [slot, from, to] of state.gaps) this.addGap(slot!, from!, to!);
    for (const [from, to] of state.partial) this.addPartial(from!, to!);
    for (const [slot, from, rows, isAhead] of state.silences) {
      this.beginSilence({ slot: slot!, from: from!, rows: rows!, isAhead: isAhead === 1 });
    }
  }

  #isGapOf(slot: number, index: number): boolean {
    const silence = this.#silences.get(slot);
    return (silence !== undefined && silence.from <= index) || (this.#gaps.get(slot)?.has(index) ?? false);
  }
}

/** Plain data: tuples of slot, from and to; of silences, of slot, from, rows, and 1 if it began before. */
export type BlindSpotsState = {
  readonly gaps: readonly (readonly number[])[];
  readonly partial: readonly (readonly number[])[];
  readonly silences: readonly (readonly number[])[];
};
