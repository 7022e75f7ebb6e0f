import type { RateMemory } from '../../shared-memory/rate-memory.js';
import { ScopeUnknownError } from './rate-errors.js';

/** Maps names to scopes. The owner writes it in shared memory, so every thread sees a new scope at once. */
export class ScopeDirectory {
  readonly #memory: RateMemory;
  #version = -1;
  #scopes = new Map<string, number>();

  constructor(memory: RateMemory) {
    this.#memory = memory;
  }

  find(name: string): number | undefined {
    this.#refresh();
    return this.#scopes.get(name);
  }

  /** @throws {ScopeUnknownError} */
  get(name: string): number {
    const scope = this.find(name);
    if (scope === undefined) throw new ScopeUnknownError(name, this.names());
    return scope;
  }

  names(): readonly string[] {
    this.#refresh();
    return [...this.#scopes.keys()];
  }

  #refresh(): void {
    const { i32, directoryVersionAt, sizes } = this.#memory;
    for (;;) {
      const version = Atomics.load(i32, directoryVersionAt);
      if (version === this.#version) return;
      const scopes = new Map<string, number>();
      for (let scope = 0; scope < sizes.scopesMax; scope++) {
        if (Atomics.load(i32, this.#memory.versionAt(scope)) & 1)
          scopes.set(this.#memory.readName(scope), scope);
      }
      if (Atomics.load(i32, directoryVersionAt) !== version) continue; // it changed meanwhile
      this.#scopes = scopes;
      this.#version = version;
      return;
    }
  }
}
