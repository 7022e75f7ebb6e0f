// Question: what does it cost to hand a batch of 8,192 quotes to another thread?
//
// Each way posts a batch, the other thread sums a column of it and answers; four batches are on
// their way at a time. Batches are made before, but for the copy into shared memory, which is timed:
// a sender has to make it.
import { Worker } from 'node:worker_threads';
import type { BenchContext, BenchResult } from './support/bench-result.js';
import type { HandoverAnswer, HandoverMessage, QuoteColumnsMessage } from './support/handover-messages.js';
import { measureRates } from './support/measure.js';
import { type QuoteRow, quoteRows } from './support/quote-rows.js';

const ROWS = 8_192;
const IN_FLIGHT = 4;
const BATCHES = 400;
const ROW_BATCHES = 40;

/** Posts a batch, given the answer whose place it takes; none: one of the first. */
type Post = (worker: Worker, slot: number, answer: HandoverAnswer | undefined) => void;

export default async function benchHandover(context: BenchContext): Promise<BenchResult[]> {
  const rows = [...quoteRows({ rows: ROWS, seed: 5, symbols: 100, intervalUs: 100 })];
  const sum = rows.reduce((total, { bid }) => total + bid, 0);
  const shared = Array.from({ length: IN_FLIGHT }, () => columnsOf(rows, true));
  const columns = columnsOf(rows, false);
  const own = Array.from({ length: IN_FLIGHT }, () => columnsOf(rows, false));
  const worker = new Worker(new URL('./support/handover.worker.js', import.meta.url), {
    workerData: { shared },
  });
  const send = (message: HandoverMessage, transfer: ArrayBuffer[] = []) =>
    worker.postMessage(message, transfer);

  const ways: readonly { name: string; ours: boolean; batches: number; post: Post }[] = [
    {
      name: 'columns, transferred there and back',
      ours: true,
      batches: BATCHES,
      post: (_worker, slot, answer) => {
        const next = answer?.columns ?? own[slot]!;
        send({ type: 'columns', columns: next, isTransferred: true }, buffersOf(next));
      },
    },
    {
      name: 'columns, copied into shared memory',
      ours: true,
      batches: BATCHES,
      post: (_worker, slot, answer) => {
        const place = answer?.slot ?? slot;
        copyColumns(columns, shared[place]!);
        send({ type: 'shared', slot: place });
      },
    },
    {
      name: 'columns, cloned',
      ours: false,
      batches: BATCHES,
      post: () => send({ type: 'columns', columns, isTransferred: false }),
    },
    {
      name: 'row objects, posted',
      ours: false,
      batches: ROW_BATCHES,
      post: () => send({ type: 'rows', rows }),
    },
  ];

  try {
    return await measureRates(
      'rows',
      ways.map(({ name, ours, batches, post }) => ({
        name,
        ours,
        count: batches * ROWS,
        async run() {
          const returned = await exchange(worker, batches, sum, post);
          returned.forEach((answer, slot) => {
            if (answer.columns) own[slot] = answer.columns;
          });
        },
      })),
      context,
    );
  } finally {
    await worker.terminate();
  }
}

/** Answers with the last answers, which hold what is to be posted next. */
function exchange(worker: Worker, batches: number, sum: number, post: Post): Promise<HandoverAnswer[]> {
  return new Promise((resolve, reject) => {
    const last: HandoverAnswer[] = [];
    let posted = 0;
    let answered = 0;
    const end = (error?: Error) => {
      worker.off('message', take);
      worker.off('error', end);
      if (error) reject(error);
      else resolve(last);
    };
    const take = (answer: HandoverAnswer) => {
      if (answer.sum !== sum) return end(new Error(`expected a sum of ${sum}, found ${answer.sum}`));
      answered++;
      if (posted < batches) post(worker, posted++, answer);
      else last.push(answer);
      if (answered === batches) end();
    };
    worker.on('message', take);
    worker.once('error', end);
    while (posted < IN_FLIGHT) post(worker, posted++, undefined);
  });
}

function columnsOf(rows: readonly QuoteRow[], isShared: boolean): QuoteColumnsMessage {
  const memory = (bytes: number) => (isShared ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes));
  const numbers = () => new Float64Array(memory(8 * ROWS));
  const columns = {
    times: new Int32Array(memory(8 * ROWS)),
    symbols: new Int32Array(memory(4 * ROWS)),
    bids: numbers(),
    asks: numbers(),
    bidSizes: numbers(),
    askSizes: numbers(),
  };
  rows.forEach((row, i) => {
    const ns = BigInt(row.time) * 1_000n;
    columns.times[2 * i] = Number(ns & 0xffff_ffffn) | 0;
    columns.times[2 * i + 1] = Number(ns >> 32n);
    columns.symbols[i] = Number(row.symbol.slice(3));
    columns.bids[i] = row.bid;
    columns.asks[i] = row.ask;
    columns.bidSizes[i] = row.bidSize;
    columns.askSizes[i] = row.askSize;
  });
  return columns;
}

function copyColumns(from: QuoteColumnsMessage, to: QuoteColumnsMessage): void {
  to.times.set(from.times);
  to.symbols.set(from.symbols);
  to.bids.set(from.bids);
  to.asks.set(from.asks);
  to.bidSizes.set(from.bidSizes);
  to.askSizes.set(from.askSizes);
}

function buffersOf(columns: QuoteColumnsMessage): ArrayBuffer[] {
  return Object.values(columns).map(({ buffer }: Float64Array | Int32Array) => buffer as ArrayBuffer);
}
