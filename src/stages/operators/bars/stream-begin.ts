/** The window in which a stream began, and whether that window was seen from its very start. */
export class StreamBegin {
  #index = Number.POSITIVE_INFINITY;
  #sawStart = false;

  /**
   * Notes a row that was not late.
   *
   * @param isStart - Whether it is at the very start of its window.
   */
  see(index: number, isStart: boolean): void {
    if (index > this.#index) return;
    this.#sawStart = isStart || (index === this.#index && this.#sawStart);
    this.#index = index;
  }

  /** Whether nothing was noted yet. */
  get isUnknown(): boolean {
    return this.#index === Number.POSITIVE_INFINITY;
  }

  /** Whether the stream began in a window, but after its first instant. */
  beganWithin(index: number): boolean {
    return index === this.#index && !this.#sawStart;
  }

  snapshot(): StreamBeginState {
    return Number.isFinite(this.#index) ? [this.#index, this.#sawStart] : null;
  }

  restore(state: StreamBeginState): void {
    if (state) [this.#index, this.#sawStart] = state;
  }
}

/** Plain data: the window, and whether it was seen from its start. */
export type StreamBeginState = readonly [index: number, sawStart: boolean] | null;
