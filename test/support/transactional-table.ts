import { copyRow, type Row, rowsOf } from '../../src/columns/row-view.js';
import { PipelineError } from '../../src/core/errors.js';
import type { SinkFactory } from '../../src/engine/factories.js';

/** Called before and after each step of a sink; may wait, for ever too, or throw. */
export type OnStep = (step: 'write' | 'prepare' | 'commit' | 'flush' | 'resume') => Promise<void> | void;

/**
 * What a sink that honours prepare and commit leaves behind, over all starts of a run: rows that are
 * durable, and how many of them can be seen. A start of a lower epoch can change neither.
 */
export class TransactionalTable {
  #durable: Row[] = [];
  #seen = 0;
  #epoch = 0;
  /** Rows that the last start went on from. */
  #resumedAt = 0;

  get visible(): readonly Row[] {
    return this.#durable.slice(0, this.#seen);
  }

  get durable(): readonly Row[] {
    return this.#durable;
  }

  sink(onStep: OnStep = () => {}): SinkFactory<unknown> {
    return {
      create: (_options, _schema, { run }) => {
        const epoch = run?.epoch ?? 0;
        let rows: Row[] = [];
        const isStale = () => epoch < this.#epoch;
        const publish = (count: number) => {
          if (!isStale()) this.#seen = Math.max(this.#seen, count);
          // What a takeover has found in the checkpoint, it has made visible itself.
          else if (count > this.#resumedAt) throw new Error('a stale owner was told to commit');
        };
        const store = (kept: readonly Row[]) => {
          if (isStale()) throw new PipelineError('FENCED', 'the staging of this run was taken over');
          this.#durable = [...kept];
        };
        return {
          capabilities: { delivery: 'transactional' },
          open: () => {
            if (epoch <= this.#epoch) return;
            this.#epoch = epoch;
            this.#resumedAt = 0;
          },
          resume: async (position) => {
            await onStep('resume');
            const count = position as number;
            if (!(count <= this.#durable.length)) throw new Error('durable rows are lost');
            rows = this.#durable.slice(0, count);
            this.#resumedAt = count;
            store(rows);
            this.#seen = count;
          },
          async write(batch) {
            const taken = Array.from(rowsOf(batch), copyRow);
            batch.release();
            await onStep('write');
            rows.push(...taken);
          },
          async prepare() {
            const kept = [...rows]; // of the rows so far: more may come meanwhile
            await onStep('prepare');
            store(kept);
            await onStep('prepare');
            return { rows: kept.length, position: kept.length };
          },
          async commit(position) {
            await onStep('commit');
            publish(position as number);
            await onStep('commit');
          },
          async flush() {
            await onStep('flush');
            store(rows);
            publish(rows.length);
            await onStep('flush');
            return { rows: rows.length, position: rows.length };
          },
        };
      },
    };
  }
}
