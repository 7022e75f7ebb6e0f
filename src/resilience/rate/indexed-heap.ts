/**
 * Binary heap, smallest first. Each element stores its own index, so that it can be removed from the
 * middle in logarithmic time.
 */
export class IndexedHeap<T extends { [K in Key]: number }, Key extends string> {
  readonly #items: T[] = [];
  readonly #isBefore: (a: T, b: T) => boolean;
  readonly #index: Key;

  /** @param index - The property of an element that stores its index; −1 while it is not in the heap. */
  constructor(index: Key, isBefore: (a: T, b: T) => boolean) {
    this.#index = index;
    this.#isBefore = isBefore;
  }

  get size(): number {
    return this.#items.length;
  }

  get first(): T | undefined {
    return this.#items[0];
  }

  add(item: T): void {
    this.#items.push(item);
    this.#rise(item, this.#items.length - 1);
  }

  remove(item: T): void {
    const at = item[this.#index];
    if (at < 0) return;
    this.#place(item, -1);
    const last = this.#items.pop()!;
    if (last === item) return;
    this.#sink(last, at);
    this.#rise(last, last[this.#index]);
  }

  clear(): void {
    for (const item of this.#items) this.#place(item, -1);
    this.#items.length = 0;
  }

  #rise(item: T, from: number): void {
    let at = from;
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = this.#items[parentAt]!;
      if (!this.#isBefore(item, parent)) break;
      this.#set(parent, at);
      at = parentAt;
    }
    this.#set(item, at);
  }

  #sink(item: T, from: number): void {
    let at = from;
    for (;;) {
      let childAt = 2 * at + 1;
      if (childAt >= this.#items.length) break;
      const right = this.#items[childAt + 1];
      if (right !== undefined && this.#isBefore(right, this.#items[childAt]!)) childAt++;
      const child = this.#items[childAt]!;
      if (!this.#isBefore(child, item)) break;
      this.#set(child, at);
      at = childAt;
    }
    this.#set(item, at);
  }

  #set(item: T, at: number): void {
    this.#items[at] = item;
    this.#place(item, at);
  }

  #place(item: T, at: number): void {
    (item as Record<string, unknown>)[this.#index] = at;
  }
}
