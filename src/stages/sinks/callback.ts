import type { Batch } from '../../columns/batch.js';
import { assertFunction } from '../../core/assert-argument.js';
import { PipelineError, RuntimeError } from '../../core/errors.js';
import type { SinkFactory } from '../../engine/factories.js';
import type { Durable, Sink } from '../../engine/sink.js';

/**
 * Receives a batch, with its rows and control records. The batch is reused once the callback has returned
 * or its promise has settled, so copy whatever must be kept.
 */
export type BatchCallback = (batch: Batch) => void | Promise<void>;

/**
 * A sink written in code. It is given the next batch once the callback has returned or its promise has
 * settled, which provides back-pressure. An error that it throws fails the pipeline as `SINK_FAILED`,
 * unless it is already a `RuntimeError`.
 */
export function callbackSink(callback: BatchCallback): SinkFactory<unknown> {
  assertFunction('callbackSink', callback);
  return { create: () => new CallbackSink(callback) };
}

class CallbackSink implements Sink {
  readonly capabilities = { delivery: 'append' } as const;
  readonly #callback: BatchCallback;
  #rows = 0;

  constructor(callback: BatchCallback) {
    this.#callback = callback;
  }

  /** What the callback has taken needs nothing more of this sink. */
  get rowsDurable(): number {
    return this.#rows;
  }

  async write(batch: Batch): Promise<void> {
    const { length } = batch;
    try {
      await this.#callback(batch);
    } catch (error) {
      if (error instanceof RuntimeError) throw error;
      const why = error instanceof Error ? error.message : String(error);
      throw new PipelineError('SINK_FAILED', `The callback of the sink threw: ${why}`, {
        cause: error,
      });
    } finally {
      batch.release();
    }
    this.#rows += length;
  }

  /** The callback has seen the rows; whether it stores them is its own concern. */
  flush(): Durable {
    return { rows: this.#rows, position: null };
  }
}
