import type { GapNote } from '../contract/row-writers.js';

/** A time further in the future is a wrong one, and no difference of clocks. */
const AHEAD_MS_MAX = 60_000;

/**
 * What is missing between two connections: from the last row until rows may come again. The end of a gap is an instant
 * of the host, moved by what the supplier's clock was seen to be ahead of it: or rows of just before the end would be
 * missing after it.
 */
export class RowGaps {
  readonly #tell: (gap: GapNote) => void;
  /** Event time of the last row, and that of the first subscription while there is none. */
  #lastMs = Number.NaN;
  #aheadMs = 0;
  #open: { readonly fromMs: number; readonly reason: string } | undefined;
  /** A gap that rows have ended though not all was subscribed to. */
  #early: { readonly fromMs: number; readonly reason: string } | undefined;

  constructor(tell: (gap: GapNote) => void) {
    this.#tell = tell;
  }

  /** Whether a gap begins with the last row, whose end is not known. */
  get isOpen(): boolean {
    return this.#open !== undefined;
  }

  /**
   * Rows are about to be written.
   *
   * @param timeMs - Event time of the last of them; NaN if it has none.
   */
  rows(timeMs: number, receivedMs: number): void {
    const ms = Number.isNaN(timeMs) ? receivedMs : timeMs;
    const open = this.#open;
    if (open) {
      this.#close(ms);
      this.#early = { fromMs: this.#lastMs, reason: open.reason };
    }
    if (!(ms <= this.#lastMs)) this.#lastMs = ms;
    const aheadMs = ms - receivedMs;
    if (aheadMs > this.#aheadMs && aheadMs < AHEAD_MS_MAX) this.#aheadMs = aheadMs;
  }

  /** All is subscribed to: what happens from now on comes. */
  subscribed(nowMs: number): void {
    this.#open ??= this.#early; // of what was subscribed to later, more is missing
    this.#early = undefined;
    if (this.#open) this.#close(nowMs + this.#aheadMs);
    else if (Number.isNaN(this.#lastMs)) this.#lastMs = nowMs;
  }

  /** Rows may be missing from now on. */
  broke(reason: string): void {
    this.#early = undefined;
    if (!this.#open && !Number.isNaN(this.#lastMs)) this.#open = { fromMs: this.#lastMs, reason };
  }

  #close(toMs: number): void {
    const { fromMs, reason } = this.#open as { fromMs: number; reason: string }; // both callers have looked
    this.#open = undefined;
    const endMs = Math.max(fromMs, toMs);
    this.#lastMs = Math.max(this.#lastMs, endMs);
    this.#tell({ fromMs, toMs: endMs, reason });
  }
}
