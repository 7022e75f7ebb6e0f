import type { BarWindow } from './bar-window.js';

/** How many closed windows are kept at the front before the list is compacted. */
const CLOSED_MAX = 1_024;

/** The open windows of a timeline, ordered by index. A large lateness may keep hundreds of thousands of them. */
export class OpenWindows implements Iterable<BarWindow> {
  #windows: (BarWindow | undefined)[] = [];
  /** Index of the first open window. */
  #head = 0;

  get length(): number {
    return this.#windows.length - this.#head;
  }

  get first(): BarWindow | undefined {
    return this.#windows[this.#head];
  }

  get last(): BarWindow | undefined {
    return this.length > 0 ? this.#windows.at(-1) : undefined;
  }

  /** The window with an index, if it is open. */
  find(index: number): BarWindow | undefined {
    const window = this.#windows[this.#placeOf(index)];
    return window?.index === index ? window : undefined;
  }

  /** Adds a window with an index that no open window has. */
  add(window: BarWindow): void {
    const place = this.#placeOf(window.index);
    if (place === this.#windows.length) this.#windows.push(window);
    else this.#windows.splice(place, 0, window);
  }

  takeFirst(): BarWindow | undefined {
    const window = this.first;
    if (!window) return undefined;
    this.#windows[this.#head++] = undefined;
    if (this.#head > CLOSED_MAX && 2 * this.#head > this.#windows.length) {
      this.#windows = this.#windows.slice(this.#head);
      this.#head = 0;
    }
    return window;
  }

  *[Symbol.iterator](): Generator<BarWindow> {
    for (let place = this.#head; place < this.#windows.length; place++) yield this.#windows[place]!;
  }

  /** Where a window with an index is, or would be. Most lookups are at the end. */
  #placeOf(index: number): number {
    let high = this.#windows.length;
    if (high === this.#head || this.#windows[high - 1]!.index < index) return high;
    let low = this.#head;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#windows[middle]!.index < index) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
