import { type Batch, releaseAll } from '../../../columns/batch.js';
import type { Schema } from '../../../columns/schema.js';
import { selectRows } from '../../../columns/selection.js';
import { shareBatch } from '../../../columns/shared-batch.js';
import { invariant } from '../../../core/invariant.js';
import type { StageContext } from '../../../engine/stage.js';
import { BatchCompiler } from '../../../expressions/batch-compiler.js';
import type { MaskStep } from '../../../expressions/compiler.js';
import type { Mask } from '../../../expressions/mask.js';
import { andNotMask, clearMask, countMarked, notMask, orMask } from '../../../expressions/mask-kernels.js';
import type { BooleanExpression } from '../../../expressions/typed-expression.js';
import { type Slot, Workspace } from '../../../expressions/workspace.js';
import type { StageStatistics } from '../../../wire/pipeline-report.js';
import type { RowRouter } from '../branching/branching-sink.js';

export interface SplitRouterParts {
  /** One for each branch, in order. */
  readonly conditions: readonly BooleanExpression[];
  /** Whether a row goes to the first branch whose condition holds, or to all of them. */
  readonly match: 'first' | 'all';
  /** Whether there is another branch, for the rows for which no condition holds. */
  readonly hasOtherwise: boolean;
  readonly input: Schema;
  readonly context: Pick<StageContext, 'dictionaries' | 'batchRows' | 'memory'>;
}

interface Route {
  readonly mask: Slot<Mask>;
  /** Marks the rows for which the condition holds. */
  readonly mark: MaskStep;
}

/** Divides batches by conditions, with one mask for each of them. Allocates nothing for a row. */
export class SplitRouter implements RowRouter {
  readonly #parts: SplitRouterParts;
  readonly #workspace: Workspace;
  readonly #routes: readonly Route[];
  /** The rows for which some condition holds; then those for which none does. */
  readonly #others: Slot<Mask>;
  /** Rows that each branch gets of the current batch. */
  readonly #counts: number[];
  #rowsUnrouted = 0;

  constructor(parts: SplitRouterParts) {
    const { conditions, hasOtherwise, context } = parts;
    this.#parts = parts;
    this.#workspace = new Workspace(context.batchRows);
    const compiler = new BatchCompiler(this.#workspace, context.dictionaries);
    this.#others = this.#workspace.takeMask();
    this.#routes = conditions.map((condition) => {
      const mask = this.#workspace.takeMask();
      return { mask, mark: compiler.mask(condition, mask) };
    });
    this.#counts = new Array<number>(conditions.length + Number(hasOtherwise)).fill(0);
  }

  open(): void {
    this.#workspace.charge(this.#parts.context.memory.share('expressions'));
  }

  close(): void {
    this.#workspace.close();
  }

  divide(batch: Batch): readonly (Batch | undefined)[] {
    const { length, columns, controls } = batch;
    invariant(
      columns.length === this.#parts.input.columns.length,
      'a split gets batches of its input schema',
    );
    this.#counts.fill(0);
    if (length > 0) this.#mark(batch);
    const gets = this.#counts.map((rows) => rows > 0 || controls.length > 0);
    const receivers = gets.filter(Boolean).length;
    if (receivers === 0) {
      batch.release();
      return [];
    }
    const shares = shareBatch(batch, receivers);
    try {
      let next = 0;
      return gets.map((isReceiver, i) => {
        const share = isReceiver ? shares[next++] : undefined;
        if (share && length > 0) selectRows(share, this.#maskOf(i).bytes);
        return share;
      });
    } catch (error) {
      releaseAll(shares); // there was no memory for a selection
      throw error;
    }
  }

  statistics(): StageStatistics {
    return { rowsUnrouted: this.#rowsUnrouted };
  }

  restore({ rowsUnrouted = 0 }: StageStatistics): void {
    this.#rowsUnrouted = rowsUnrouted;
  }

  #maskOf(branch: number): Mask {
    return (this.#routes[branch]?.mask ?? this.#others).data;
  }

  /** Marks the rows of each branch, and counts them. */
  #mark({ columns, length }: Batch): void {
    const { match, hasOtherwise } = this.#parts;
    this.#workspace.begin(columns, length);
    const others = this.#others.data;
    clearMask(others, length);
    for (const [i, { mask, mark }] of this.#routes.entries()) {
      mark();
      if (match === 'first') andNotMask(others, mask.data, length);
      orMask(mask.data, others, length);
      this.#counts[i] = countMarked(mask.data, length);
    }
    notMask(others, length);
    const left = countMarked(others, length);
    if (hasOtherwise) this.#counts[this.#routes.length] = left;
    else this.#rowsUnrouted += left;
  }
}
