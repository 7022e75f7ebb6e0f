import { unreachable } from '../core/invariant.js';
import * as comparisons from './comparison-kernels.js';
import { compileFloats } from './compile-numbers.js';
import {
  commonDictionary,
  compileColumnIs,
  compileInStrings,
  compileStringsEqual,
} from './compile-string-conditions.js';
import { compileIds } from './compile-strings.js';
import { compileWords } from './compile-words.js';
import type { Compiler, MaskStep } from './compiler.js';
import type { Mask } from './mask.js';
import * as masks from './mask-kernels.js';
import { type ComparisonOp, EXCHANGED } from './syntax.js';
import type { BooleanExpression, NumberExpression } from './typed-expression.js';
import type { Slot } from './workspace.js';

/** `set`: overwrite all marks; `and`: clear the marks of rows for which the condition is false. */
export type MaskMode = 'set' | 'and';

/** @param out - Receives the marks, each 0 or 1. */
export function compileMask(
  compiler: Compiler,
  expression: BooleanExpression,
  out: Slot<Mask>,
  mode: MaskMode = 'set',
): MaskStep {
  const constant = compiler.constantBoolean(expression);
  if (constant !== undefined) return compileConstant(compiler, constant, out, mode);
  const { workspace } = compiler;
  switch (expression.kind) {
    case 'literal':
      return compileConstant(compiler, expression.value, out, mode);
    case 'compareNumbers':
      return compileNumbers(compiler, expression.op, expression.left, expression.right, out, mode);
    case 'between':
      return compileBetween(compiler, expression, out, mode);
    case 'compareStrings': {
      const { left, right, equal } = expression;
      if (left.kind === 'column' && right.kind === 'literal' && right.value !== null) {
        return compileColumnIs(compiler, left.slot, left.column, right.value, equal, out, mode);
      }
      if (right.kind === 'column' && left.kind === 'literal' && left.value !== null) {
        return compileColumnIs(compiler, right.slot, right.column, left.value, equal, out, mode);
      }
      return mode === 'and'
        ? compileApart(compiler, expression, out)
        : compileStringsEqual(compiler, expression, out);
    }
    case 'and': {
      const steps = expression.parts
        .filter((part) => compiler.constantBoolean(part) !== true)
        .map((part, i) => compileMask(compiler, part, out, i === 0 ? mode : 'and'));
      if (steps.length === 0) return compileConstant(compiler, true, out, mode);
      return () => {
        for (const step of steps) step();
      };
    }
    default:
      // The other kinds have no kernels for `and`.
      if (mode === 'and') return compileApart(compiler, expression, out);
  }
  switch (expression.kind) {
    case 'column':
      return () => masks.marksOf(workspace.columns[expression.slot] as Uint8Array, out.data, workspace.rows);
    case 'not': {
      const step = compileMask(compiler, expression.of, out);
      return () => {
        step();
        masks.notMask(out.data, workspace.rows);
      };
    }
    case 'or': {
      const spare = workspace.takeMask();
      const parts = expression.parts.filter((part) => compiler.constantBoolean(part) !== false);
      const steps = parts.map((part, i) => compileMask(compiler, part, i === 0 ? out : spare));
      workspace.giveMask(spare);
      if (steps.length === 0) return compileConstant(compiler, false, out, mode);
      return () => {
        for (let i = 0; i < steps.length; i++) {
          steps[i]!();
          if (i > 0) masks.orMask(spare.data, out.data, workspace.rows);
        }
      };
    }
    case 'compareWords':
      return compileWords(compiler, expression.op, expression.left, expression.right, out);
    case 'compareBooleans': {
      const left = compileMask(compiler, expression.left, out);
      const spare = workspace.takeMask();
      const right = compileMask(compiler, expression.right, spare);
      workspace.giveMask(spare);
      const flip = expression.equal ? 1 : 0;
      return () => {
        left();
        right();
        masks.compareMasks(spare.data, out.data, flip, workspace.rows);
      };
    }
    case 'inNumbers': {
      const floats = workspace.takeFloats();
      const of = compileFloats(compiler, expression.of, floats);
      workspace.giveFloats(floats);
      const sorted = Float64Array.from(expression.items).sort();
      return () => masks.floatIn(of(), sorted, expression.negated, out.data, workspace.rows);
    }
    case 'inStrings':
      return compileInStrings(compiler, expression, out);
    case 'isNullNumber': {
      const floats = workspace.takeFloats();
      const of = compileFloats(compiler, expression.of, floats);
      workspace.giveFloats(floats);
      return () => masks.isNullFloat(of(), out.data, workspace.rows);
    }
    case 'isNullString': {
      const { of } = expression;
      // An enum always has a value.
      if (of.kind === 'column' && of.column.type === 'enum')
        return compileConstant(compiler, false, out, 'set');
      const spare = workspace.takeIds();
      const step = compileIds(compiler, of, commonDictionary(compiler, of), spare);
      workspace.giveIds(spare);
      return () => masks.isNullId(step(), out.data, workspace.rows);
    }
    case 'choice': {
      const [yesMask, noMask] = [workspace.takeMask(), workspace.takeMask()];
      const condition = compileMask(compiler, expression.condition, out);
      const yes = compileMask(compiler, expression.yes, yesMask);
      const no = compileMask(compiler, expression.no, noMask);
      workspace.giveMask(yesMask);
      workspace.giveMask(noMask);
      return () => {
        condition();
        yes();
        no();
        masks.chooseMask(out.data, yesMask.data, noMask.data, out.data, workspace.rows);
      };
    }
    default:
      return unreachable(expression);
  }
}

function compileConstant(compiler: Compiler, value: boolean, out: Slot<Mask>, mode: MaskMode): MaskStep {
  if (mode === 'and' && value) return () => {};
  const mark = Number(value);
  return () => {
    out.data.bytes.fill(mark, 0, compiler.workspace.rows);
  };
}

function compileApart(compiler: Compiler, expression: BooleanExpression, out: Slot<Mask>): MaskStep {
  const { workspace } = compiler;
  const spare = workspace.takeMask();
  const step = compileMask(compiler, expression, spare);
  workspace.giveMask(spare);
  return () => {
    step();
    masks.andMask(spare.data, out.data, workspace.rows);
  };
}

type FloatsConstantKernel = (a: Float64Array, c: number, out: Mask, rows: number) => void;
type FloatsKernel = (a: Float64Array, b: Float64Array, out: Mask, rows: number) => void;

const WITH_CONSTANT: Readonly<Record<MaskMode, Readonly<Record<ComparisonOp, FloatsConstantKernel>>>> = {
  set: {
    '<': comparisons.lessConstant,
    '<=': comparisons.atMostConstant,
    '>': comparisons.greaterConstant,
    '>=': comparisons.atLeastConstant,
    '==': comparisons.equalConstant,
    '!=': comparisons.unequalConstant,
  },
  and: {
    '<': comparisons.andLessConstant,
    '<=': comparisons.andAtMostConstant,
    '>': comparisons.andGreaterConstant,
    '>=': comparisons.andAtLeastConstant,
    '==': comparisons.andEqualConstant,
    '!=': comparisons.andUnequalConstant,
  },
};

/** `>` and `>=` are compiled as `<` and `<=` with the sides exchanged. */
type Ordered = '<' | '<=' | '==' | '!=';

const OF_COLUMNS: Readonly<Record<MaskMode, Readonly<Record<Ordered, FloatsKernel>>>> = {
  set: {
    '<': comparisons.lessColumns,
    '<=': comparisons.atMostColumns,
    '==': comparisons.equalColumns,
    '!=': comparisons.unequalColumns,
  },
  and: {
    '<': comparisons.andLessColumns,
    '<=': comparisons.andAtMostColumns,
    '==': comparisons.andEqualColumns,
    '!=': comparisons.andUnequalColumns,
  },
};

function compileNumbers(
  compiler: Compiler,
  op: ComparisonOp,
  left: NumberExpression,
  right: NumberExpression,
  out: Slot<Mask>,
  mode: MaskMode,
): MaskStep {
  const { workspace } = compiler;
  const floats = workspace.takeFloats();
  const c = compiler.constantNumber(right);
  const d = c === undefined ? compiler.constantNumber(left) : undefined;
  if (c !== undefined || d !== undefined) {
    const operand = compileFloats(compiler, c === undefined ? right : left, floats);
    workspace.giveFloats(floats);
    const kernel = WITH_CONSTANT[mode][c === undefined ? EXCHANGED[op] : op];
    const constant = c ?? d!;
    return () => kernel(operand(), constant, out.data, workspace.rows);
  }
  if (op === '>' || op === '>=') {
    workspace.giveFloats(floats);
    return compileNumbers(compiler, op === '>' ? '<' : '<=', right, left, out, mode);
  }
  const a = compileFloats(compiler, left, floats);
  const spare = workspace.takeFloats();
  const b = compileFloats(compiler, right, spare);
  workspace.giveFloats(floats);
  workspace.giveFloats(spare);
  const kernel = OF_COLUMNS[mode][op];
  return () => kernel(a(), b(), out.data, workspace.rows);
}

function compileBetween(
  compiler: Compiler,
  { of, low, high, negated }: BooleanExpression & { kind: 'between' },
  out: Slot<Mask>,
  mode: MaskMode,
): MaskStep {
  const { workspace } = compiler;
  const floats = workspace.takeFloats();
  const value = compileFloats(compiler, of, floats);
  // Computed once, and compared with both bounds.
  const given = { data: floats.data };
  const left: NumberExpression = { type: 'number', kind: 'given', values: given, constant: false };
  const bound = (op: ComparisonOp, right: NumberExpression): BooleanExpression => {
    return { type: 'boolean', kind: 'compareNumbers', op, left, right, constant: false };
  };
  const both: BooleanExpression = {
    type: 'boolean',
    kind: negated ? 'or' : 'and',
    parts: negated ? [bound('<', low), bound('>', high)] : [bound('>=', low), bound('<=', high)],
    constant: false,
  };
  const step = compileMask(compiler, both, out, mode);
  workspace.giveFloats(floats);
  return () => {
    given.data = value();
    step();
  };
}
