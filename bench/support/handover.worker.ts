/** Sums one column of whatever it is given, and answers with the sum and the memory, if it got any. */
import { parentPort, workerData } from 'node:worker_threads';
import type { HandoverAnswer, HandoverMessage, QuoteColumnsMessage } from './handover-messages.js';

const { shared } = workerData as { readonly shared: readonly QuoteColumnsMessage[] };

parentPort?.on('message', (message: HandoverMessage) => {
  if (message.type === 'rows') {
    let sum = 0;
    for (const { bid } of message.rows) sum += bid;
    answer({ sum });
  } else if (message.type === 'shared') {
    answer({ sum: sumOf(shared[message.slot]!.bids), slot: message.slot });
  } else if (message.isTransferred) {
    answer({ sum: sumOf(message.columns.bids), columns: message.columns }, buffersOf(message.columns));
  } else {
    answer({ sum: sumOf(message.columns.bids) });
  }
});

function answer(message: HandoverAnswer, transfer: ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, transfer);
}

function sumOf(values: Float64Array): number {
  let sum = 0;
  for (let row = 0; row < values.length; row++) sum += values[row]!;
  return sum;
}

function buffersOf(columns: QuoteColumnsMessage): ArrayBuffer[] {
  return Object.values(columns).map(({ buffer }: Float64Array | Int32Array) => buffer as ArrayBuffer);
}
