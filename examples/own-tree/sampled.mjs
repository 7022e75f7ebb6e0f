// @ts-check
/** @import { Branch, PlainData, SinkFactory } from 'tickloom/stages' */

/** @type {SinkFactory<{ every: number }>} */
export const sampled = {
  create({ every }, _input, { branches }) {
    const to = /** @type {Branch} */ (branches.to);
    let seen = 0;
    let left = 0; // rows of the batches that are not passed on
    return {
      capabilities: to.capabilities,
      readsOnly: true,
      get bytesOut() {
        return to.bytesOut;
      },
      write(batch) {
        if (seen++ % every === 0 || batch.controls.length > 0) return to.give(batch); // whoever reads on needs `end`
        left += batch.length;
        batch.release();
      },
      // A cut goes through the branch: what was given before it is durable once `done` resolves.
      async prepare(isEnd) {
        const before = { seen, left };
        const { rows, position } = await to.prepare(isEnd).done;
        return { rows: rows + before.left, position: { ...before, to: position } };
      },
      async flush() {
        const before = { seen, left };
        const { rows, position } = await to.flush().done;
        return { rows: rows + before.left, position: { ...before, to: position } };
      },
      commit: (position) => to.commit(savedIn(position).to),
      async resume(position) {
        const saved = savedIn(position);
        seen = saved.seen;
        await to.resume(saved.to);
      },
      outputs: () => to.outputs(),
      statistics: () => ({ rowsUnrouted: left }),
    };
  },
};

/** @param {PlainData} position */
const savedIn = (position) => /** @type {{ seen: number, to: PlainData }} */ (position);
