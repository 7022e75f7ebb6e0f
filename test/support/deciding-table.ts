import { copyRow, type Row, rowsOf } from '../../src/columns/row-view.js';
import { PipelineError } from '../../src/core/errors.js';
import type { SinkFactory, TakeOver } from '../../src/engine/factories.js';
import { Hold } from '../../src/stages/sinks/postgres/hold.js';
import { ownerText } from '../../src/wire/checkpoint.js';

/** Called before and after each step of a sink; may wait, for ever too, or throw. */
export type OnDecidingStep = (
  step: 'take over' | 'write' | 'prepare' | 'decide' | 'committed' | 'flush',
) => Promise<void> | void;

/** A database in memory that decides which checkpoint counts: rows and the id of their checkpoint are committed as one. */
export class DecidingTable {
  #rows: Row[] = [];
  #holder: { readonly epoch: number; readonly owner: string; readonly key: string } | undefined;
  #checkpoint: string | undefined;

  get rows(): readonly Row[] {
    return this.#rows;
  }

  /** The id of the last checkpoint that it has committed. */
  get checkpoint(): string | undefined {
    return this.#checkpoint;
  }

  takeOver({ epoch, owner, key }: Pick<TakeOver, 'epoch' | 'owner' | 'key'>): string | undefined {
    const holder = { epoch, owner: ownerText(owner), key };
    const last = this.#holder?.key === key ? this.#holder : undefined;
    if (!last) this.#checkpoint = undefined;
    const isLater = !last || epoch > last.epoch || (epoch === last.epoch && holder.owner === last.owner);
    if (!isLater) throw fenced();
    this.#holder = holder;
    return this.#checkpoint;
  }

  /** Puts it back, as from a backup. */
  putBack(checkpoint: string | undefined): void {
    this.#checkpoint = checkpoint;
  }

  /** Removes the record of the run, and leaves its rows. */
  forget(): void {
    this.#holder = undefined;
    this.#checkpoint = undefined;
  }

  sink(onStep: OnDecidingStep = () => {}): SinkFactory<unknown> {
    return {
      takeOver: async (_options, start) => {
        await onStep('take over');
        const isKnown = this.#holder?.key === start.key;
        const committed = isKnown ? this.takeOver(start) : undefined;
        await onStep('take over');
        return isKnown ? { committed } : undefined;
      },
      create: (_options, _schema, { run, databaseKey, resuming, stopping }) => {
        const { epoch, owner } = run!; // the pipeline gives it
        /** In the transaction: those in front of the last `prepare` that has not been decided, and those behind it. */
        let prepared: Row[] = [];
        let rows: Row[] = [];
        let isPrepared = false;
        /** As a sink with one transaction, it takes no rows until those before the cut are decided. */
        const hold = new Hold();
        const commit = (checkpoint: string | undefined) => {
          const { epoch: of, owner: by } = this.#holder ?? {};
          if (of !== epoch || by !== ownerText(owner)) throw fenced();
          this.#rows.push(...prepared);
          this.#checkpoint = checkpoint;
          prepared = [];
        };
        return {
          capabilities: { delivery: 'transactional', decides: true },
          open: () => {
            this.takeOver({ epoch, owner, key: databaseKey! });
            if (!resuming) this.#checkpoint = undefined; // of the run before
          },
          resume: () => {},
          async write(batch) {
            const taken = Array.from(rowsOf(batch), copyRow);
            batch.release();
            await hold.passed(stopping);
            await onStep('write');
            rows.push(...taken);
          },
          async prepare() {
            prepared.push(...rows);
            rows = [];
            isPrepared = true;
            hold.begin();
            await onStep('prepare');
            return { rows: prepared.length, position: null };
          },
          takeBack: () => {
            rows = [...prepared, ...rows];
            prepared = [];
            isPrepared = false;
            hold.release();
          },
          async decide(checkpoint) {
            try {
              if (!isPrepared) throw new Error('a checkpoint that was not prepared, or was taken back');
              isPrepared = false;
              await onStep('decide');
              commit(checkpoint);
              await onStep('committed');
            } catch (error) {
              hold.fail(error);
              throw error;
            }
            hold.release();
          },
          flush: async () => {
            await onStep('flush');
            if (rows.length + prepared.length > 0) throw new Error('rows that no checkpoint has');
            return { rows: this.#rows.length, position: null };
          },
        };
      },
    };
  }
}

const fenced = () => new PipelineError('FENCED', 'a later start has taken the run over at the database');
