import { type Batch, releaseAll } from '../core/batch.js';
import { PipelineError } from '../core/errors.js';
import type { PlainData } from '../core/plain-data.js';
import { packRows } from '../core/selection.js';
import { blame, blamed } from './blame.js';
import type { Emit, Operator, OperatorTally } from './operator.js';

interface Link {
  readonly use: string;
  readonly operator: Operator;
  rowsIn: number;
  rowsOut: number;
}

/** The operators of a pipeline, one after the other. */
export class OperatorChain {
  readonly #links: readonly Link[];

  constructor(operators: readonly { readonly use: string; readonly stage: Operator }[]) {
    this.#links = operators.map(({ use, stage }) => ({ use, operator: stage, rowsIn: 0, rowsOut: 0 }));
  }

  /** Owns the batch. @returns What comes out at the end, owned by the caller. */
  async process(batch: Batch): Promise<Batch[]> {
    return this.#from(0, [batch]);
  }

  /** Has each operator give up what it holds, the first one first. */
  async flush(): Promise<Batch[]> {
    const out: Batch[] = [];
    for (let i = 0; i < this.#links.length; i++) {
      const link = this.#links[i]!;
      if (!link.operator.flush) continue;
      const held: Batch[] = [];
      try {
        await attempt(link, () => link.operator.flush!(into(link, held)));
        out.push(...(await this.#from(i + 1, held)));
      } catch (thrown) {
        releaseAll([...held, ...out]);
        throw thrown;
      }
    }
    return out;
  }

  snapshot(): PlainData[] {
    return this.#links.map(({ operator }) => operator.snapshot?.() ?? null);
  }

  restore(states: readonly PlainData[]): void {
    if (states.length !== this.#links.length) {
      throw new PipelineError(
        'CHECKPOINT_INVALID',
        `The checkpoint is of ${states.length} operators, the pipeline has ${this.#links.length}: start without it, or with the spec that it was taken of`,
      );
    }
    this.#links.forEach(({ operator }, i) => {
      const state = states[i];
      if (state !== null && state !== undefined) operator.restore?.(state);
    });
  }

  /** Of all operators together, so far. */
  tally(): Required<OperatorTally> {
    const sum = { filtered: 0, folded: 0, derived: 0, dropped: 0, rejected: 0, late: 0 };
    for (const link of this.#links) {
      const tally = link.operator.tally?.() ?? inferred(link);
      sum.filtered += tally.filtered ?? 0;
      sum.folded += tally.folded ?? 0;
      sum.derived += tally.derived ?? 0;
      sum.dropped += tally.dropped ?? 0;
      sum.rejected += tally.rejected ?? 0;
      sum.late += tally.late ?? 0;
    }
    return sum;
  }

  async #from(first: number, batches: Batch[]): Promise<Batch[]> {
    let current = batches;
    for (let i = first; i < this.#links.length && current.length > 0; i++) {
      const link = this.#links[i]!;
      const emitted: Batch[] = [];
      const emit = into(link, emitted);
      for (const [at, batch] of current.entries()) {
        try {
          link.rowsIn += batch.length;
          if (!link.operator.takesSelections) packRows(batch);
          // Awaited only where it has to be: most operators answer at once.
          const working = attemptNow(link, () => link.operator.process(batch, emit));
          if (working) await attempt(link, () => working);
        } catch (thrown) {
          releaseAll([...current.slice(at), ...emitted]); // those before it are the operator's
          throw thrown;
        }
      }
      current = emitted;
    }
    for (const batch of current) packRows(batch);
    return current;
  }
}

function into(link: Link, emitted: Batch[]): Emit {
  return (batch) => {
    link.rowsOut += batch.length;
    emitted.push(batch);
  };
}

function inferred({ rowsIn, rowsOut }: Link): OperatorTally {
  return { filtered: Math.max(0, rowsIn - rowsOut), derived: Math.max(0, rowsOut - rowsIn) };
}

function attemptNow<T>(link: Link, act: () => T): T {
  try {
    return act();
  } catch (thrown) {
    throw blamed('OPERATOR_FAILED', nameOf(link), thrown);
  }
}

const attempt = (link: Link, act: () => Promise<void> | void): Promise<void> =>
  blame('OPERATOR_FAILED', nameOf(link), act);

const nameOf = ({ use }: Link): string => `Operator "${use}"`;
