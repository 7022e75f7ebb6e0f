import type { Dictionary, DictionarySet } from '../columns/dictionary.js';
import type { Column } from '../columns/schema.js';
import { compileMask } from './compile-conditions.js';
import { compileFloats } from './compile-numbers.js';
import { compileIds } from './compile-strings.js';
import type { Compiler, FloatsStep, IdsStep, MaskStep } from './compiler.js';
import type { Mask } from './mask.js';
import type { BooleanExpression, NumberExpression, StringExpression } from './typed-expression.js';
import { type Slot, Workspace } from './workspace.js';

type Foldable = NumberExpression | BooleanExpression;

/**
 * Compiles checked expressions to steps. Each node becomes one pass of a kernel over the whole batch,
 * into scratch memory of the workspace or directly into its target. Constant parts are folded here, by
 * the same kernels.
 */
export class BatchCompiler implements Compiler {
  readonly workspace: Workspace;
  readonly #dictionaries: DictionarySet;
  /** Values of folded expressions, so that a deep tree is folded only once. */
  readonly #folded: Map<Foldable, number | boolean>;
  /** The expression being folded now; it is compiled without folding it again. */
  readonly #folding: Foldable | undefined;

  constructor(
    workspace: Workspace,
    dictionaries: DictionarySet,
    folded: Map<Foldable, number | boolean> = new Map(),
    folding?: Foldable,
  ) {
    this.workspace = workspace;
    this.#dictionaries = dictionaries;
    this.#folded = folded;
    this.#folding = folding;
  }

  floats(expression: NumberExpression, out: Slot<Float64Array>): FloatsStep {
    return compileFloats(this, expression, out);
  }

  mask(expression: BooleanExpression, out: Slot<Mask>): MaskStep {
    return compileMask(this, expression, out);
  }

  ids(expression: StringExpression, target: Dictionary, out: Slot<Int32Array>): IdsStep {
    return compileIds(this, expression, target, out);
  }

  dictionaryOf(column: Column): Dictionary {
    return this.#dictionaries.get(column.dictionary ?? column.name);
  }

  /** The value of a number expression without columns; `undefined` if it has any. */
  constantNumber(expression: NumberExpression): number | undefined {
    if (expression.kind === 'literal') return expression.value;
    return this.#fold(expression, (compiler) => {
      return compiler.floats(expression, compiler.workspace.takeFloats())()[0]!;
    }) as number | undefined;
  }

  /** The value of a condition without columns; `undefined` if it has any. */
  constantBoolean(expression: BooleanExpression): boolean | undefined {
    if (expression.kind === 'literal') return expression.value;
    return this.#fold(expression, (compiler) => {
      const mask = compiler.workspace.takeMask();
      compiler.mask(expression, mask)();
      return mask.data.bytes[0] === 1;
    }) as boolean | undefined;
  }

  #fold(
    expression: Foldable,
    evaluate: (compiler: Compiler) => number | boolean,
  ): number | boolean | undefined {
    if (!expression.constant || expression === this.#folding) return undefined;
    const known = this.#folded.get(expression);
    if (known !== undefined) return known;
    const oneRow = new Workspace(1);
    oneRow.begin([], 1);
    const value = evaluate(new BatchCompiler(oneRow, this.#dictionaries, this.#folded, expression));
    this.#folded.set(expression, value);
    return value;
  }
}
