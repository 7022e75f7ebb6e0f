// @ts-check
/** @import { Batch, BatcherFactory } from 'tickloom/stages' */

/** @type {BatcherFactory<unknown>} */
export const atOnce = {
  create() {
    /** @type {Batch[]} */
    const batches = [];
    return {
      readsOnly: true,
      add: (batch) => void batches.push(batch),
      take: () => batches.shift(),
      due: undefined, // nothing waits
      flush() {},
      flushes: { rows: 0, bytes: 0, age: 0, keys: 0, control: 0, drain: 0 },
      close() {
        for (const batch of batches.splice(0)) batch.release();
      },
    };
  },
};
