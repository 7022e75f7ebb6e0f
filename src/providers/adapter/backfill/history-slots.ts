/** Lets a few at a time go on, in order. */
export class HistorySlots<Slot> {
  readonly #make: () => Slot;
  readonly #free: Slot[] = [];
  readonly #all: Slot[] = [];
  readonly #slotsMax: number;
  readonly #waiting: ((slot: Slot | undefined) => void)[] = [];

  constructor(slotsMax: number, make: () => Slot) {
    this.#slotsMax = slotsMax;
    this.#make = make;
  }

  /** All slots that there are, in use or not. */
  get all(): readonly Slot[] {
    return this.#all;
  }

  /** @returns `undefined` if the signal aborts first. */
  async take(signal: AbortSignal): Promise<Slot | undefined> {
    if (signal.aborted) return undefined;
    const free = this.#free.pop();
    if (free !== undefined) return free;
    if (this.#all.length < this.#slotsMax) {
      const made = this.#make();
      this.#all.push(made);
      return made;
    }
    return new Promise((resolve) => {
      const give = (slot: Slot | undefined) => {
        signal.removeEventListener('abort', leave);
        resolve(slot);
      };
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(give), 1);
        give(undefined);
      };
      signal.addEventListener('abort', leave, { once: true });
      this.#waiting.push(give);
    });
  }

  /** A slot that cannot be used any more: another one takes its place. */
  drop(slot: Slot): void {
    this.#all.splice(this.#all.indexOf(slot), 1);
    if (this.#waiting.length === 0) return;
    const made = this.#make();
    this.#all.push(made);
    this.giveBack(made);
  }

  giveBack(slot: Slot): void {
    const next = this.#waiting.shift();
    if (next) next(slot);
    else this.#free.push(slot);
  }
}
