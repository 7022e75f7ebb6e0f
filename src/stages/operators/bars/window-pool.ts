import type { MemoryShare } from '../../../columns/column-memory.js';
import { BarWindow } from './bar-window.js';
import type { OpenWindows } from './open-windows.js';

/** Spare windows kept for reuse. */
const SPARES_MAX = 2;

export interface WindowPoolSettings {
  /** Whether rows have sizes or a sequence. */
  readonly hasExtras: boolean;
  /** Accounts for the memory of windows. */
  readonly memory: MemoryShare;
}

/** Makes windows with room for all slots, and takes them back for reuse. Their memory is accounted for. */
export class WindowPool {
  readonly #settings: WindowPoolSettings;
  readonly #firstSlot: number;
  readonly #spares: BarWindow[] = [];
  #slots = 0;

  /** @param firstSlot - The smallest slot whose rows the windows receive. */
  constructor(settings: WindowPoolSettings, firstSlot: number) {
    this.#settings = settings;
    this.#firstSlot = firstSlot;
  }

  /** For how many slots windows have room. */
  get slots(): number {
    return this.#slots;
  }

  /**
   * Makes room for slots below `end`, in open windows too.
   *
   * @returns Whether there was not enough.
   * @throws {PipelineError} `MEMORY_EXHAUSTED` if this exceeds the job's memory limit.
   */
  reserve(end: number, open: OpenWindows): boolean {
    const needed = end - this.#firstSlot;
    if (needed <= this.#slots) return false;
    const slots = this.#firstSlot > 0 ? needed : Math.max(needed, 2 * this.#slots, 4);
    const before = this.#bytesOf(open.length + this.#spares.length);
    this.#spares.length = 0;
    this.#slots = slots;
    this.#hold(this.#bytesOf(open.length) - before);
    for (const window of open) window.grow(slots);
    return true;
  }

  /** @throws {PipelineError} `MEMORY_EXHAUSTED` if this exceeds the job's memory limit. */
  take(): BarWindow {
    const spare = this.#spares.pop();
    if (spare) return spare;
    this.#hold(this.#bytesOf(1));
    return new BarWindow(this.#firstSlot, this.#slots, this.#settings.hasExtras);
  }

  /** @param window - Without rows. */
  giveBack(window: BarWindow): void {
    if (this.#spares.length < SPARES_MAX) this.#spares.push(window);
    else this.#hold(-this.#bytesOf(1));
  }

  #bytesOf(windows: number): number {
    return windows * BarWindow.bytesOf(this.#slots, this.#settings.hasExtras);
  }

  #hold(bytes: number): void {
    const { memory } = this.#settings;
    memory.resize(memory.bytes + bytes);
  }
}
