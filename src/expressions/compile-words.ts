import type { Compiler } from './compiler.js';
import type { Mask } from './mask.js';
import { notMask } from './mask-kernels.js';
import { type ComparisonOp, EXCHANGED } from './syntax.js';
import type { WordsExpression } from './typed-expression.js';
import {
  wordsAtMostColumns,
  wordsAtMostConstant,
  wordsEqualColumns,
  wordsEqualConstant,
  wordsLessColumns,
  wordsLessConstant,
} from './words-kernels.js';
import type { Slot } from './workspace.js';

const KERNELS = {
  '<': { constant: wordsLessConstant, columns: wordsLessColumns },
  '<=': { constant: wordsAtMostConstant, columns: wordsAtMostColumns },
  '==': { constant: wordsEqualConstant, columns: wordsEqualColumns },
};

/** The other operators are negations of these three, which is correct since words are never null. */
const KERNEL_OF: Readonly<Record<ComparisonOp, { of: keyof typeof KERNELS; isTurned: boolean }>> = {
  '<': { of: '<', isTurned: false },
  '<=': { of: '<=', isTurned: false },
  '==': { of: '==', isTurned: false },
  '>': { of: '<=', isTurned: true },
  '>=': { of: '<', isTurned: true },
  '!=': { of: '==', isTurned: true },
};

/** Compiles an exact comparison of instants or 64-bit integers. At least one side is a column. */
export function compileWords(
  compiler: Compiler,
  op: ComparisonOp,
  left: WordsExpression,
  right: WordsExpression,
  out: Slot<Mask>,
): () => void {
  if (left.kind === 'literal') return compileWords(compiler, EXCHANGED[op], right, left, out);
  const { workspace } = compiler;
  const { of, isTurned } = KERNEL_OF[op];
  const turn = () => {
    if (isTurned) notMask(out.data, workspace.rows);
  };
  if (right.kind === 'literal') {
    const low = Number(BigInt.asIntN(32, right.value));
    const high = Number(right.value >> 32n);
    const kernel = KERNELS[of].constant;
    return () => {
      kernel(workspace.columns[left.slot] as Int32Array, high, low, out.data, workspace.rows);
      turn();
    };
  }
  const kernel = KERNELS[of].columns;
  return () => {
    const { columns, rows } = workspace;
    kernel(columns[left.slot] as Int32Array, columns[right.slot] as Int32Array, out.data, rows);
    turn();
  };
}
