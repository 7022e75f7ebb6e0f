/** The process is said to be dead: nothing that it asks for is done any more. */
export class Stopped extends Error {}

/** Objects under keys. There are no folders: a key may hold any text. */
export type Objects = Map<string, Buffer>;

/**
 * What one process sees of an object store: single requests over whole objects, as any large one has them.
 * No rename, no append, no handle that stays open, and a listing of names alone.
 *
 * The process can die before any request, and others may come in between.
 */
export class ObjectClient {
  readonly #objects: Objects;
  /** What was asked for so far. */
  readonly log: string[] = [];
  /** Number of the request before which the process dies. */
  stopAt = Number.POSITIVE_INFINITY;
  /** Awaited before each request. */
  between: ((operation: string) => Promise<void>) | undefined;
  #isStopped = false;

  constructor(objects: Objects) {
    this.#objects = objects;
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  async kill(): Promise<void> {
    this.#isStopped = true;
  }

  put(key: string, bytes: Uint8Array): Promise<void> {
    return this.#do(`put ${key}`, () => {
      this.#objects.set(key, Buffer.from(bytes));
    });
  }

  /** The conditional put: of two at once, one is told that it came second. */
  putIfAbsent(key: string, bytes: Uint8Array): Promise<boolean> {
    return this.#do(`put if absent ${key}`, () => {
      if (this.#objects.has(key)) return false;
      this.#objects.set(key, Buffer.from(bytes));
      return true;
    });
  }

  get(key: string): Promise<Buffer | undefined> {
    return this.#do(`get ${key}`, () => {
      const found = this.#objects.get(key);
      return found && Buffer.from(found);
    });
  }

  list(prefix: string): Promise<string[]> {
    return this.#do(`list ${prefix}`, () =>
      [...this.#objects.keys()].filter((key) => key.startsWith(prefix)).sort(),
    );
  }

  delete(key: string): Promise<void> {
    return this.#do(`delete ${key}`, () => {
      this.#objects.delete(key);
    });
  }

  /**
   * Makes one object of several, in the store, where there is none of this name: a compose with a condition,
   * or the end of an upload in parts. It needs all of them to be there.
   */
  compose(sources: readonly string[], to: string): Promise<'made' | 'exists' | 'missing'> {
    return this.#do(`compose ${to}`, () => {
      if (this.#objects.has(to)) return 'exists';
      const parts = sources.map((key) => this.#objects.get(key));
      if (parts.includes(undefined)) return 'missing';
      this.#objects.set(to, Buffer.concat(parts as Buffer[])); // none is missing
      return 'made';
    });
  }

  async #do<T>(operation: string, act: () => T): Promise<T> {
    if (this.#isStopped) throw new Stopped();
    await this.between?.(operation);
    const at = this.log.push(operation) - 1;
    if (at === this.stopAt) this.#isStopped = true;
    if (this.#isStopped) throw new Stopped();
    return act();
  }
}
