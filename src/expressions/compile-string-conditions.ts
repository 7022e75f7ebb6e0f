import { Dictionary } from '../columns/dictionary.js';
import type { Column } from '../columns/schema.js';
import { compileIds } from './compile-strings.js';
import type { Compiler } from './compiler.js';
import * as ids from './id-kernels.js';
import type { Mask } from './mask.js';
import type { BooleanExpression, StringExpression } from './typed-expression.js';
import type { Slot } from './workspace.js';

/** Compiles `==` or `!=` between two string expressions. */
export function compileStringsEqual(
  compiler: Compiler,
  { left, right, equal }: BooleanExpression & { kind: 'compareStrings' },
  out: Slot<Mask>,
): () => void {
  const { workspace } = compiler;
  const dictionary = commonDictionary(compiler, left, right);
  const [leftIds, rightIds] = [workspace.takeIds(), workspace.takeIds()];
  const a = compileIds(compiler, left, dictionary, leftIds);
  const b = compileIds(compiler, right, dictionary, rightIds);
  workspace.giveIds(leftIds);
  workspace.giveIds(rightIds);
  const kernel = equal ? ids.idsEqual : ids.idsUnequal;
  return () => kernel(a(), b(), out.data, workspace.rows);
}

/** Stands for a string that is not in the dictionary: no row has this id, and it is not that of null. */
const ABSENT = -2;

/** Compiles `==` or `!=` between a column and a literal: the common case has its own kernels. */
export function compileColumnIs(
  compiler: Compiler,
  slot: number,
  column: Column,
  value: string,
  equal: boolean,
  out: Slot<Mask>,
  mode: 'set' | 'and',
): () => void {
  const { workspace } = compiler;
  if (column.type === 'enum') {
    const code = (column.values ?? []).indexOf(value);
    const kernel =
      mode === 'set' ? (equal ? ids.codeIs : ids.codeIsNot) : equal ? ids.andCodeIs : ids.andCodeIsNot;
    return () => kernel(workspace.columns[slot] as Uint8Array, code, out.data, workspace.rows);
  }
  const dictionary = compiler.dictionaryOf(column);
  const kernel = mode === 'set' ? (equal ? ids.idIs : ids.idIsNot) : equal ? ids.andIdIs : ids.andIdIsNot;
  // Looked up for every batch, since the string may enter the dictionary at any time.
  return () =>
    kernel(workspace.columns[slot] as Int32Array, dictionary.find(value) ?? ABSENT, out.data, workspace.rows);
}

export function compileInStrings(
  compiler: Compiler,
  { of, items, negated }: BooleanExpression & { kind: 'inStrings' },
  out: Slot<Mask>,
): () => void {
  const { workspace } = compiler;
  const wanted = new Set(items);
  if (of.kind === 'column' && of.column.type === 'enum') {
    const { slot, column } = of;
    // One entry for each byte value, so that no access is out of bounds.
    const table = new Uint8Array(256);
    for (const [code, value] of (column.values ?? []).entries()) {
      table[code] = Number(wanted.has(value) !== negated);
    }
    return () => ids.codeInTable(workspace.columns[slot] as Uint8Array, table, out.data, workspace.rows);
  }
  const dictionary = commonDictionary(compiler, of);
  const spare = workspace.takeIds();
  const step = compileIds(compiler, of, dictionary, spare);
  workspace.giveIds(spare);
  const table = new IdTable(dictionary, (value) => wanted.has(value) !== negated);
  return () => {
    const values = step();
    ids.idInTable(values, table.current(), out.data, workspace.rows);
  };
}

/** Caches a predicate for each string of a dictionary. Entry 0 is for null, and always 0. */
class IdTable {
  readonly #dictionary: Dictionary;
  readonly #holds: (value: string) => boolean;
  #table = new Uint8Array(64);
  #known = 0;

  constructor(dictionary: Dictionary, holds: (value: string) => boolean) {
    this.#dictionary = dictionary;
    this.#holds = holds;
  }

  current(): Uint8Array {
    const { size, values } = this.#dictionary;
    if (size >= this.#table.length) {
      const larger = new Uint8Array(2 * (size + 1));
      larger.set(this.#table);
      this.#table = larger;
    }
    for (; this.#known < size; this.#known++) {
      this.#table[this.#known + 1] = Number(this.#holds(values[this.#known]!));
    }
    return this.#table;
  }
}

/** The dictionary, if all sides are columns that share one; or else a new one, into which all are translated. */
export function commonDictionary(compiler: Compiler, ...sides: readonly StringExpression[]): Dictionary {
  const found = sides.map((side) =>
    side.kind === 'column' && side.column.type === 'string' ? compiler.dictionaryOf(side.column) : undefined,
  );
  const [first] = found;
  if (first && found.every((dictionary) => dictionary === first)) return first;
  return new Dictionary('expression');
}
