import { Dictionary } from '../columns/dictionary.js';
import type { Column } from '../columns/schema.js';
import { compileIds } from './compile-strings.js';
import type { Compiler } from './compiler.js';
import * as ids from './id-kernels.js';
import type { Mask } from './mask.js';
import type { BooleanExpression, StringExpression } from './typed-expression.js';
import type { Slot } from './workspace.js';

/** Equality of two string expressions. */
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

/** Id of a string that the dictionary does not have: no row has it, and it is not null either. */
const ABSENT = -2;

/** Equality of a column and a string, the common case, with a kernel of its own. */
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
  // Looked up in every batch, since the string may appear at any time.
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
    // Every byte has an entry, so that no access is out of bounds.
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

/** What holds of each string of a dictionary, asked once a string. Entry 0 is that of null: nothing. */
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

/** The dictionary that all sides are columns of; or one of their own, into which they are translated. */
export function commonDictionary(compiler: Compiler, ...sides: readonly StringExpression[]): Dictionary {
  const found = sides.map((side) =>
    side.kind === 'column' && side.column.type === 'string' ? compiler.dictionaryOf(side.column) : undefined,
  );
  const [first] = found;
  if (first && found.every((dictionary) => dictionary === first)) return first;
  return new Dictionary('expression');
}
