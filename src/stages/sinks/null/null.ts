import type { Batch } from '../../../columns/batch.js';
import type { SinkFactory } from '../../../engine/factories.js';
import type { Durable, Sink } from '../../../engine/sink.js';
import type { NullSinkOptions } from './options.js';

/** Counts rows and discards them. */
export const nullSink: SinkFactory<NullSinkOptions> = {
  create: () => new NullSink(),
};

class NullSink implements Sink {
  readonly capabilities = { delivery: 'idempotent' } as const;
  readonly readsOnly = true;
  #rows = 0;

  /** What is discarded needs nothing more. */
  get rowsDurable(): number {
    return this.#rows;
  }

  write(batch: Batch): void {
    this.#rows += batch.length;
    batch.release();
  }

  flush(): Durable {
    return { rows: this.#rows, position: null };
  }

  /** Nothing to restore. */
  resume(): void {}
}
