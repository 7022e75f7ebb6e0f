import { unreachable } from '../core/invariant.js';
import * as arithmetic from './arithmetic-kernels.js';
import type { Compiler, FloatsStep } from './compiler.js';
import * as functions from './function-kernels.js';
import { chooseFloats } from './mask-kernels.js';
import type { ArithmeticOp } from './syntax.js';
import type { NumberColumn, NumberExpression, NumberFunction } from './typed-expression.js';
import type { Slot } from './workspace.js';

/** @param out - Receives computed values. A plain column of doubles is returned as it is, without a copy. */
export function compileFloats(
  compiler: Compiler,
  expression: NumberExpression,
  out: Slot<Float64Array>,
): FloatsStep {
  const constant = compiler.constantNumber(expression);
  const { workspace } = compiler;
  if (constant !== undefined) return () => out.data.fill(constant, 0, workspace.rows);
  switch (expression.kind) {
    case 'literal':
      return () => out.data.fill(expression.value, 0, workspace.rows);
    case 'column':
      return compileColumn(compiler, expression, out);
    case 'given':
      return () => expression.values.data;
    case 'negate':
      return compileUnary(compiler, expression.of, functions.negate, out);
    case 'arithmetic':
      return compileArithmetic(compiler, expression, out);
    case 'call':
      return compileCall(compiler, expression.name, expression.args, out);
    case 'choice': {
      const mask = workspace.takeMask();
      const spare = workspace.takeFloats();
      const condition = compiler.mask(expression.condition, mask);
      const yes = compileFloats(compiler, expression.yes, out);
      const no = compileFloats(compiler, expression.no, spare);
      workspace.giveMask(mask);
      workspace.giveFloats(spare);
      return () => {
        condition();
        chooseFloats(mask.data.bytes, yes(), no(), out.data, workspace.rows);
        return out.data;
      };
    }
    default:
      return unreachable(expression);
  }
}

function compileColumn(
  { workspace }: Compiler,
  { slot, column }: NumberColumn,
  out: Slot<Float64Array>,
): FloatsStep {
  // The casts are true since the schema defines the storage of each type.
  if (column.type === 'float64') return () => workspace.columns[slot] as Float64Array;
  const widen = column.type === 'int32' ? functions.widenInt32 : functions.widenInt64;
  return () => {
    widen(workspace.columns[slot] as Int32Array, out.data, workspace.rows);
    return out.data;
  };
}

type UnaryKernel = (a: Float64Array, out: Float64Array, rows: number) => void;
type ColumnsKernel = (a: Float64Array, b: Float64Array, out: Float64Array, rows: number) => void;
type ConstantKernel = (a: Float64Array, c: number, out: Float64Array, rows: number) => void;

function compileUnary(
  compiler: Compiler,
  of: NumberExpression,
  kernel: UnaryKernel,
  out: Slot<Float64Array>,
): FloatsStep {
  const operand = compileFloats(compiler, of, out);
  const { workspace } = compiler;
  return () => {
    kernel(operand(), out.data, workspace.rows);
    return out.data;
  };
}

function compileWithConstant(
  compiler: Compiler,
  of: NumberExpression,
  kernel: ConstantKernel,
  c: number,
  out: Slot<Float64Array>,
): FloatsStep {
  const operand = compileFloats(compiler, of, out);
  const { workspace } = compiler;
  return () => {
    kernel(operand(), c, out.data, workspace.rows);
    return out.data;
  };
}

function compileColumns(
  compiler: Compiler,
  left: NumberExpression,
  right: NumberExpression,
  kernel: ColumnsKernel,
  out: Slot<Float64Array>,
): FloatsStep {
  const { workspace } = compiler;
  const a = compileFloats(compiler, left, out);
  // The right side needs its own memory: `out` holds the left side's result while it runs.
  const spare = workspace.takeFloats();
  const b = compileFloats(compiler, right, spare);
  workspace.giveFloats(spare);
  return () => {
    kernel(a(), b(), out.data, workspace.rows);
    return out.data;
  };
}

const OF_COLUMNS: Readonly<Record<ArithmeticOp, ColumnsKernel>> = {
  '+': arithmetic.addColumns,
  '-': arithmetic.subtractColumns,
  '*': arithmetic.multiplyColumns,
  '/': arithmetic.divideColumns,
  '%': arithmetic.remainderOfColumns,
};

function compileArithmetic(
  compiler: Compiler,
  { op, left, right }: NumberExpression & { kind: 'arithmetic' },
  out: Slot<Float64Array>,
): FloatsStep {
  const c = compiler.constantNumber(right);
  if (c !== undefined) return compileByConstant(compiler, op, left, c, out);
  const d = compiler.constantNumber(left);
  if (d === undefined) return compileColumns(compiler, left, right, OF_COLUMNS[op], out);
  switch (op) {
    case '+':
    case '*':
      return compileByConstant(compiler, op, right, d, out);
    case '-':
      return compileWithConstant(compiler, right, arithmetic.subtractFromConstant, d, out);
    case '/':
      return compileWithConstant(compiler, right, arithmetic.divideConstantBy, d, out);
    case '%':
      return compileWithConstant(compiler, right, arithmetic.remainderOfConstant, d, out);
  }
}

/** `left op c`. */
function compileByConstant(
  compiler: Compiler,
  op: ArithmeticOp,
  left: NumberExpression,
  c: number,
  out: Slot<Float64Array>,
): FloatsStep {
  switch (op) {
    case '+':
      return compileWithConstant(compiler, left, arithmetic.addConstant, c, out);
    case '-':
      return compileWithConstant(compiler, left, arithmetic.addConstant, -c, out);
    case '%':
      return compileWithConstant(compiler, left, arithmetic.remainderByConstant, c, out);
    case '/':
      // For a power of two, multiplying by the reciprocal gives the same bits and is faster.
      if (!isPowerOfTwo(c)) return compileWithConstant(compiler, left, arithmetic.divideByConstant, c, out);
      return compileProduct(compiler, left, 1 / c, out);
    case '*':
      return compileProduct(compiler, left, c, out);
  }
}

function compileProduct(
  compiler: Compiler,
  left: NumberExpression,
  c: number,
  out: Slot<Float64Array>,
): FloatsStep {
  const isSum =
    left.kind === 'arithmetic' &&
    left.op === '+' &&
    compiler.constantNumber(left.left) === undefined &&
    compiler.constantNumber(left.right) === undefined;
  if (!isSum) return compileWithConstant(compiler, left, arithmetic.multiplyConstant, c, out);
  const sumTimes: ColumnsKernel = (a, b, to, rows) => arithmetic.addAndMultiply(a, b, c, to, rows);
  return compileColumns(compiler, left.left, left.right, sumTimes, out);
}

function isPowerOfTwo(c: number): boolean {
  const exponent = Math.log2(Math.abs(c));
  return Number.isInteger(exponent) && Math.abs(exponent) < 1_000 && 2 ** exponent === Math.abs(c);
}

const UNARY: Readonly<Record<Exclude<NumberFunction, 'min' | 'max' | 'coalesce'>, UnaryKernel>> = {
  abs: functions.absolute,
  round: functions.round,
  floor: functions.floor,
  ceil: functions.ceil,
  sqrt: functions.squareRoot,
  log: functions.naturalLog,
  log10: functions.decimalLog,
  exp: functions.exponential,
  sign: functions.sign,
};

function compileCall(
  compiler: Compiler,
  name: NumberFunction,
  args: readonly NumberExpression[],
  out: Slot<Float64Array>,
): FloatsStep {
  const first = args[0]!;
  switch (name) {
    case 'min':
      return compileFold(compiler, args, arithmetic.minOfColumns, arithmetic.minWithConstant, out);
    case 'max':
      return compileFold(compiler, args, arithmetic.maxOfColumns, arithmetic.maxWithConstant, out);
    case 'coalesce':
      return compileFold(compiler, args, functions.coalesceColumns, undefined, out);
    case 'round': {
      const decimals = args[1] === undefined ? 0 : compiler.constantNumber(args[1])!;
      if (decimals === 0) return compileUnary(compiler, first, functions.round, out);
      return compileWithConstant(compiler, first, functions.roundDecimals, 10 ** decimals, out);
    }
    default:
      return compileUnary(compiler, first, UNARY[name], out);
  }
}

/** Compiles `f(a, b, c)` as `f(f(a, b), c)`. */
function compileFold(
  compiler: Compiler,
  args: readonly NumberExpression[],
  columns: ColumnsKernel,
  constant: ConstantKernel | undefined,
  out: Slot<Float64Array>,
): FloatsStep {
  const { workspace } = compiler;
  let step = compileFloats(compiler, args[0]!, out);
  for (const arg of args.slice(1)) {
    const left = step;
    const c = constant && compiler.constantNumber(arg);
    if (constant && c !== undefined) {
      step = () => {
        constant(left(), c, out.data, workspace.rows);
        return out.data;
      };
      continue;
    }
    const spare = workspace.takeFloats();
    const right = compileFloats(compiler, arg, spare);
    workspace.giveFloats(spare);
    step = () => {
      columns(left(), right(), out.data, workspace.rows);
      return out.data;
    };
  }
  return step;
}
