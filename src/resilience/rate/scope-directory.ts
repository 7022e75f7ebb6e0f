import type { RateMemory } from '../../shared-memory/rate-memory.js';
import { hashOfName, isNamed, readName } from '../../shared-memory/scope-record.js';
import { ScopeUnknownError } from './rate-errors.js';

/**
 * Maps names to scopes: for each hash of a name, a list of the scopes that have it. The owner writes it in
 * shared memory, so every thread sees a new scope at once, and nobody reads more than one list.
 *
 * A scope is added and removed by one store. A reader may stand on a scope that is removed and then added
 * to another list; the version tells it to begin again.
 */
export class ScopeDirectory {
  readonly #memory: RateMemory;

  constructor(memory: RateMemory) {
    this.#memory = memory;
  }

  /** Grows with each scope that is added or removed. */
  get version(): number {
    return Atomics.load(this.#memory.i32, this.#memory.directoryVersionAt);
  }

  find(name: string): number | undefined {
    for (;;) {
      const { version } = this;
      const scope = this.#search(name);
      if (scope !== undefined || this.version === version) return scope;
    }
  }

  /** @throws {ScopeUnknownError} */
  get(name: string): number {
    const scope = this.find(name);
    if (scope === undefined) throw new ScopeUnknownError(name, [...this.names()]);
    return scope;
  }

  *names(): Generator<string> {
    for (let scope = 0; scope < this.#memory.sizes.scopesMax; scope++) {
      if (this.#exists(scope)) yield readName(this.#memory, scope);
    }
  }

  /** For the owner: its name is written, its version not yet odd. */
  add(scope: number, name: string): void {
    const { i32 } = this.#memory;
    const headAt = this.#memory.bucketAt(hashOfName(name));
    // Before the link is overwritten: who stands on it must begin again.
    Atomics.add(i32, this.#memory.directoryVersionAt, 1);
    Atomics.store(i32, this.#memory.nextOfBucketAt(scope), Atomics.load(i32, headAt));
    Atomics.store(i32, headAt, scope + 1);
  }

  /** For the owner. */
  remove(scope: number, name: string): void {
    const { i32 } = this.#memory;
    let linkAt = this.#memory.bucketAt(hashOfName(name));
    for (let link = Atomics.load(i32, linkAt); link !== scope + 1; link = Atomics.load(i32, linkAt)) {
      if (link === 0) return;
      linkAt = this.#memory.nextOfBucketAt(link - 1);
    }
    Atomics.store(i32, linkAt, Atomics.load(i32, this.#memory.nextOfBucketAt(scope)));
    Atomics.add(i32, this.#memory.directoryVersionAt, 1);
  }

  #search(name: string): number | undefined {
    const { i32, sizes } = this.#memory;
    let link = Atomics.load(i32, this.#memory.bucketAt(hashOfName(name)));
    for (let step = 0; step < sizes.scopesMax && link > 0 && link <= sizes.scopesMax; step++) {
      const scope = link - 1;
      if (this.#exists(scope) && isNamed(this.#memory, scope, name)) return scope;
      link = Atomics.load(i32, this.#memory.nextOfBucketAt(scope));
    }
    return undefined;
  }

  #exists(scope: number): boolean {
    return (Atomics.load(this.#memory.i32, this.#memory.versionAt(scope)) & 1) === 1;
  }
}
