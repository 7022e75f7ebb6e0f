import { FeedPresent } from '../../engine/event-time/feed-present.js';
import type { GapNote } from '../contract/row-writers.js';

/**
 * What is missing between two connections: from the last row until rows may come again, in event time. The end of a gap
 * is an instant of this host, and so is the first subscription: both are moved to the event time of the feed. Or rows
 * of just before the end would be missing after it, and those of a delayed feed long before it.
 */
export class RowGaps {
  readonly #tell: (gap: GapNote) => void;
  readonly #present = new FeedPresent();
  /** When all was subscribed to for the first time, by the clock of this host. */
  #beganMs = Number.NaN;
  /** Event time from when on something may be missing: that of the last row, or the end of the last gap. */
  #lastMs = Number.NaN;
  /** Whether no row has come since the last gap: its end may be too late. */
  #isEndOfGap = false;
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
    this.#present.row(ms, receivedMs);
    const open = this.#open;
    if (open) {
      this.#close(ms);
      this.#early = { fromMs: this.#lastMs, reason: open.reason };
    }
    if (this.#isEndOfGap || !(ms <= this.#lastMs)) this.#lastMs = ms;
    this.#isEndOfGap = false;
  }

  /** All is subscribed to: what happens from now on comes. */
  subscribed(nowMs: number): void {
    this.#open ??= this.#early; // of what was subscribed to later, more is missing
    this.#early = undefined;
    if (this.#open) this.#close(this.#present.at(nowMs));
    else if (Number.isNaN(this.#beganMs)) this.#beganMs = nowMs;
  }

  /** Rows may be missing from now on. */
  broke(reason: string): void {
    this.#early = undefined;
    const fromMs = Number.isNaN(this.#lastMs) ? this.#present.at(this.#beganMs) : this.#lastMs;
    if (!this.#open && !Number.isNaN(fromMs)) this.#open = { fromMs, reason };
  }

  /** @param lastMs - The last instant of which something may be missing: it is in the gap. */
  #close(lastMs: number): void {
    const { fromMs, reason } = this.#open as { fromMs: number; reason: string }; // both callers have looked
    this.#open = undefined;
    const toMs = Math.max(fromMs, Math.floor(lastMs) + 1);
    this.#lastMs = toMs;
    this.#isEndOfGap = true;
    this.#tell({ fromMs, toMs, reason });
  }
}
