import type { Column, Schema } from '../columns/schema.js';

/** A column that an expression may name, and where its data will be when the expression runs. */
export interface ScopeColumn {
  readonly column: Column;
  /** Index into the columns that the compiled expression is given. */
  readonly slot: number;
}

/** The columns that an expression may name. A later one of the same name hides the earlier. */
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

  /** Says that a column's own expression is at fault, so that those who use it are not blamed. */
  addBroken(name: string): void {
    this.#broken.add(name);
  }

  isBroken(name: string): boolean {
    return this.#broken.has(name);
  }
}
