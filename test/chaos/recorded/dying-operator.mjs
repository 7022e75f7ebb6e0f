/**
 * An operator that lets all rows pass, and has its thread die in the way that it is told to. Commands come over a
 * channel of the process, so that its main thread may send one at any instant.
 */
import { BroadcastChannel, receiveMessageOnPort, threadId } from 'node:worker_threads';

/** What the main thread and the operators talk over. */
export const CHANNEL = 'chaos';

/** How a thread dies. Those in `OUTSIDE` wait to be terminated. */
const WAYS = {
  exit: () => process.exit(3),
  throw: () =>
    setImmediate(() => {
      throw new TypeError('thrown where nobody catches it');
    }),
  reject: () => void Promise.reject(new RangeError('rejected where nobody catches it')),
  overflow: () => {
    for (const hoard = []; ; ) hoard.push(new Array(10_000).fill(0).map((_, i) => ({ i })));
  },
  blocked: () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0),
  loop: () => {
    for (;;);
  },
};

export default {
  plan: (_options, input) => input,
  create({ job }, input) {
    const channel = new BroadcastChannel(CHANNEL);
    channel.unref();
    /** Rows until it dies, once it was told to. */
    let left = Number.POSITIVE_INFINITY;
    let way;
    const hear = (command) => {
      if (command.job !== job || command.thread !== threadId) return;
      way = command.way;
      // At once, whatever the pipeline is at; or at a row.
      if (command.rows === 0) WAYS[way]();
      else left = command.rows;
    };
    channel.onmessage = ({ data }) => hear(data);
    channel.postMessage({ job, thread: threadId, isThere: true });
    return {
      output: input,
      stateless: true,
      process(batch, emit) {
        for (let got = receiveMessageOnPort(channel); got; got = receiveMessageOnPort(channel))
          hear(got.message);
        left -= batch.length;
        if (left <= 0) {
          left = Number.POSITIVE_INFINITY;
          WAYS[way]();
        }
        emit(batch);
      },
    };
  },
};
