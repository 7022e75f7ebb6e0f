import type { LateCounts } from './bar-writer.js';

/** Counts the late rows of each symbol until its next bar reports them. */
export class LateCounter implements LateCounts {
  readonly #bySlot = new Map<number, number>();

  add(slot: number): void {
    this.#bySlot.set(slot, (this.#bySlot.get(slot) ?? 0) + 1);
  }

  take(slot: number): number {
    const count = this.#bySlot.get(slot) ?? 0;
    if (count > 0) this.#bySlot.delete(slot);
    return count;
  }

  /** Plain data: slots and counts. */
  snapshot(): number[][] {
    return [...this.#bySlot].map((entry) => [...entry]);
  }

  restore(state: readonly (readonly number[])[]): void {
    for (const [slot, count] of state) this.#bySlot.set(slot!, count!);
  }
}
