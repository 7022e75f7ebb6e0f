import type { Batch } from '../../columns/batch.js';
import { PipelineError, RuntimeError } from '../../core/errors.js';
import type { SinkFactory } from '../../engine/factories.js';
import type { Durable, Sink } from '../../engine/sink.js';

/**
 * Looks at a batch, rows and control records. The batch is not the callback's own: it is used
 * again once the callback has returned, or its promise has settled, so copy what is to be kept.
 */
export type BatchCallback = (batch: Batch) => void | Promise<void>;

/**
 * A sink in code. The pipeline waits for the callback, which is its back-pressure. What it throws
 * fails the pipeline as `SINK_FAILED`, unless it is a `RuntimeError` itself.
 */
export function callbackSink(callback: BatchCallback): SinkFactory<unknown> {
  return { create: () => new CallbackSink(callback) };
}

class CallbackSink implements Sink {
  readonly capabilities = { delivery: 'append' } as const;
  readonly #callback: BatchCallback;
  #rows = 0;

  constructor(callback: BatchCallback) {
    this.#callback = callback;
  }

  async write(batch: Batch): Promise<void> {
    const { length } = batch;
    try {
      await this.#callback(batch);
    } catch (error) {
      if (error instanceof RuntimeError) throw error;
      const why = error instanceof Error ? error.message : String(error);
      throw new PipelineError('SINK_FAILED', `The callback that takes the rows threw: ${why}`, {
        cause: error,
      });
    } finally {
      batch.release();
    }
    this.#rows += length;
  }

  /** The callback has seen them; whether they last is its own affair. */
  flush(): Durable {
    return { rows: this.#rows, position: null };
  }
}
