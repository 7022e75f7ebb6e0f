import type { Dictionary } from '../columns/dictionary.js';
import { NO_STRING } from '../columns/dictionary.js';
import { unreachable } from '../core/invariant.js';
import type { Compiler, IdsStep } from './compiler.js';
import { translateCodes, translateIds } from './id-kernels.js';
import { chooseIds } from './mask-kernels.js';
import type { StringExpression } from './typed-expression.js';
import type { Slot } from './workspace.js';

/**
 * Compiles a string expression to ids in `target`. Missing strings are added when the step runs, not
 * earlier: a restore must assign the old ids first.
 */
export function compileIds(
  compiler: Compiler,
  expression: StringExpression,
  target: Dictionary,
  out: Slot<Int32Array>,
): IdsStep {
  const { workspace } = compiler;
  switch (expression.kind) {
    case 'literal': {
      const { value } = expression;
      return () => out.data.fill(value === null ? NO_STRING : target.idOf(value), 0, workspace.rows);
    }
    case 'column': {
      const { slot, column } = expression;
      if (column.type === 'enum') {
        const table = new Translation(column.values ?? [], target);
        return () => {
          translateCodes(workspace.columns[slot] as Uint8Array, table.ofCodes(), out.data, workspace.rows);
          return out.data;
        };
      }
      const own = compiler.dictionaryOf(column);
      if (own === target) return () => workspace.columns[slot] as Int32Array;
      const table = new Translation(own.values, target);
      return () => {
        translateIds(workspace.columns[slot] as Int32Array, table.ofIds(), out.data, workspace.rows);
        return out.data;
      };
    }
    case 'choice': {
      const mask = workspace.takeMask();
      const spare = workspace.takeIds();
      const condition = compiler.mask(expression.condition, mask);
      const yes = compileIds(compiler, expression.yes, target, out);
      const no = compileIds(compiler, expression.no, target, spare);
      workspace.giveMask(mask);
      workspace.giveIds(spare);
      return () => {
        condition();
        chooseIds(mask.data.bytes, yes(), no(), out.data, workspace.rows);
        return out.data;
      };
    }
    default:
      return unreachable(expression);
  }
}

/** Translates ids of one dictionary to ids of another, extended as the first grows. Entry 0 is for null. */
class Translation {
  readonly #from: readonly string[];
  readonly #to: Dictionary;
  #table = new Int32Array(64).fill(NO_STRING);
  #known = 0;

  constructor(from: readonly string[], to: Dictionary) {
    this.#from = from;
    this.#to = to;
  }

  ofIds(): Int32Array {
    const size = this.#from.length;
    if (size >= this.#table.length) {
      const larger = new Int32Array(2 * (size + 1)).fill(NO_STRING);
      larger.set(this.#table);
      this.#table = larger;
    }
    for (; this.#known < size; this.#known++) {
      this.#table[this.#known + 1] = this.#to.idOf(this.#from[this.#known]!);
    }
    return this.#table;
  }

  ofCodes(): Int32Array {
    return this.ofIds().subarray(1);
  }
}
