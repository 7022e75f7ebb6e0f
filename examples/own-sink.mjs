// A sink of one's own: lines of text in a file that is cut back to what counts when a run goes on.
// examples/own-stages.mjs runs it.
// @ts-check
import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { PipelineError, readEpochMillis, readNanos, readSubMillis } from 'tickloom/stages';

/** @import { FileHandle } from 'node:fs/promises' */
/** @import { Batch, Sink, SinkFactory } from 'tickloom/stages' */

/**
 * @param {string} path
 * @returns {SinkFactory<unknown>}
 */
export const lines = (path) => ({
  plan(_options, input, problems) {
    for (const name of ['time', 'received', 'symbol', 'price']) {
      if (!input.columns.some((column) => column.name === name))
        problems.add([], `expected a column "${name}"`);
    }
  },
  // Named, so that nothing else reads or writes the file meanwhile.
  files: () => ({ writes: [{ path, at: ['path'] }] }),
  create() {
    /** @type {FileHandle | undefined} */
    let file;
    let rows = 0;
    let bytes = 0;
    let resumed = false;
    const opened = () => {
      if (file) return file;
      throw new PipelineError('SINK_FAILED', `"${path}" is not open`);
    };
    const durable = async () => {
      await opened().sync();
      return { rows, position: { rows, bytes } };
    };
    /** @type {Sink} */
    const sink = {
      capabilities: { delivery: 'transactional' },
      async open() {
        await mkdir(dirname(path), { recursive: true });
        file = await open(path, 'a');
      },
      async resume(position) {
        ({ rows, bytes } = /** @type {{ rows: number, bytes: number }} */ (position));
        resumed = true;
        await opened().truncate(bytes);
      },
      async write(batch) {
        try {
          if (bytes === 0 && !resumed) await opened().truncate(0);
          const text = textOf(batch);
          await opened().appendFile(text);
          rows += batch.length;
          bytes += Buffer.byteLength(text);
        } finally {
          batch.release();
        }
      },
      prepare: durable,
      flush: durable,
      outputs: () => [path],
      get bytesOut() {
        return bytes;
      },
      close: () => file?.close(),
    };
    return sink;
  },
});

/** @param {Batch} batch */
function textOf(batch) {
  const time = batch.int32('time');
  const received = batch.int32('received');
  const price = batch.float64('price');
  const symbols = batch.dictionaries.get('symbol');
  const ids = batch.int32('symbol');
  let text = '';
  for (let row = 0; row < batch.length; row++) {
    // A date and what is finer than its milliseconds: no bigint a row.
    const date = new Date(readEpochMillis(time, row)).toISOString().slice(0, -1);
    const nanos = String(readSubMillis(time, row)).padStart(6, '0');
    const latencyUs = (readNanos(received, row) - readNanos(time, row)) / 1_000n;
    text += `${date}${nanos}Z ${symbols.at(ids[row] ?? -1)} ${price[row]} after ${latencyUs} us\n`;
  }
  return text;
}
