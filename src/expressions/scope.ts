import type { Column, Schema } from '../columns/schema.js';

/** A column that an expression may use, and where its data is when the expression runs. */
export interface ScopeColumn {
  readonly column: Column;
  /** Index into the columns passed to the compiled expression. */
  readonly slot: number;
}

/** The columns that an expression may use. A later column hides an earlier one of the same name. */
export class Scope {
  readonly #columns = new Map<string, ScopeColumn>();
  readonly #broken = new Set<string>();

  constructor(schema: Schema) {
    schema.columns.forEach((column, slot) => {
      this.#columns.set(column.name, { column, slot });
    });
  }

  get names(): string[] {
    return [...this.#columns.keys()];
  }

  find(name: string): ScopeColumn | undefined {
    return this.#columns.get(name);
  }

  add(column: Column, slot: number): void {
    this.#columns.set(column.name, { column, slot });
    this.#broken.delete(column.name);
  }

  /** Marks a column whose own expression has an error, so that expressions that use it are not reported too. */
  addBroken(name: string): void {
    this.#broken.add(name);
  }

  isBroken(name: string): boolean {
    return this.#broken.has(name);
  }
}
