/** The two ends of a stream of quotes between two threads: through a ring, and as posted objects. */
import { once } from 'node:events';
import type { MessagePort } from 'node:worker_threads';
import { Batch } from '../../src/columns/batch.js';
import { BatchPool } from '../../src/columns/batch-pool.js';
import { DictionarySet } from '../../src/columns/dictionary.js';
import { readInt64, writeInt64 } from '../../src/columns/int64.js';
import { RowView } from '../../src/columns/row-view.js';
import { bytesPerRow, type Schema, STANDARD_COLUMNS } from '../../src/columns/schema.js';
import type { RingHandle } from '../../src/shared-memory/ring-memory.js';
import { RingReader } from '../../src/shared-memory/ring-reader.js';
import { RingWriter } from '../../src/shared-memory/ring-writer.js';
import { RowReceiver } from '../../src/topics/row-receiver.js';
import { RowSender } from '../../src/topics/row-sender.js';
import { type QuoteRow, quoteRows } from './quote-rows.js';

export interface RingEnd {
  readonly role: 'write' | 'read' | 'post' | 'take' | 'ping' | 'pong' | 'notify' | 'wait';
  /** Of the two that pass through the ring. */
  readonly ring?: RingHandle;
  /** Of the two that know nothing but `Atomics.wait`: see `barePlaces`. */
  readonly places?: SharedArrayBuffer;
  /** To the other end. */
  readonly port: MessagePort;
  readonly batches: number;
  readonly batchRows: number;
  /** A batch is due every so many ns; its rows then have that instant as their time. */
  readonly everyNs?: number;
}

export interface EndReport {
  readonly rows: number;
  /** Of the bids: whoever takes rows also looks at them. */
  readonly sum: number;
  /** From when a batch was due to when the other end had its rows, in ns, ascending. */
  readonly latenciesNs?: Float64Array;
}

const SCHEMA: Schema = {
  kind: 'quote',
  columns: [...STANDARD_COLUMNS.quote.required, ...STANDARD_COLUMNS.quote.optional.slice(0, 2)],
};
const READER_ROWS = 8_192;
const POSTS_IN_FLIGHT = 4;

const quotes = (rows: number): QuoteRow[] => [...quoteRows({ rows, seed: 5, symbols: 100, intervalUs: 100 })];

export async function runEnd(end: RingEnd): Promise<EndReport> {
  try {
    if (end.role === 'write') return await write(end);
    if (end.role === 'read') return await read(end);
    if (end.role === 'ping') return await ping(end);
    if (end.role === 'pong') return await pong(end);
    if (end.role === 'notify') return await notify(end);
    if (end.role === 'wait') return wait(end);
    return end.role === 'post' ? await post(end) : await take(end);
  } finally {
    end.port.close();
  }
}

async function write({ ring, port, batches, batchRows, everyNs = 0 }: RingEnd): Promise<EndReport> {
  const dictionaries = new DictionarySet();
  const writer = new RingWriter(ring!);
  const sender = new RowSender(writer, SCHEMA, dictionaries, () => port.postMessage(0));
  const batch = new Batch(SCHEMA, batchRows, dictionaries);
  batch.length = batchRows;
  const view = new RowView(SCHEMA).over(batch);
  for (const [i, { time, ...row }] of quotes(batchRows).entries()) {
    Object.assign(view.at(i), { ...row, time: BigInt(time) * 1_000n });
  }
  const times = batch.int32('time');
  let due = process.hrtime.bigint();
  for (let i = 0; i < batches; i++) {
    if (everyNs > 0) {
      due += BigInt(everyNs);
      while (process.hrtime.bigint() < due);
      writeInt64(times, 0, due);
    }
    while (!sender.send(batch)) if (writer.wantsRoom()) await once(port, 'message');
  }
  while (!sender.end('completed')) if (writer.wantsRoom()) await once(port, 'message');
  await once(port, 'message'); // a wake-up that was posted after it would be lost with the port
  return { rows: batches * batchRows, sum: 0 };
}

async function read({ ring, port, batches, batchRows, everyNs = 0 }: RingEnd): Promise<EndReport> {
  const dictionaries = new DictionarySet();
  const reader = new RingReader(ring!);
  const pool = new BatchPool(SCHEMA, everyNs > 0 ? batchRows : READER_ROWS, dictionaries);
  const receiver = new RowReceiver(reader, pool, dictionaries, () => port.postMessage(0));
  const latencies = new Float64Array(everyNs > 0 ? batches : 0);
  // As the source `topic` does: a port that nobody listens to is stopped, and started again.
  let wake: () => void = () => {};
  let isWoken = false;
  port.on('message', () => {
    isWoken = true;
    wake();
  });
  let rows = 0;
  let sum = 0;
  let received = 0;
  while (receiver.end === undefined) {
    const batch = receiver.receive();
    if (!batch) {
      if (receiver.end === undefined && reader.sleeps()) {
        if (!isWoken) await new Promise<void>((resolve) => (wake = resolve));
        isWoken = false;
      }
      continue;
    }
    if (everyNs > 0) {
      latencies[received++] = Number(process.hrtime.bigint() - readInt64(batch.int32('time'), 0));
    }
    sum += sumOf(batch.float64('bid'), batch.length);
    rows += batch.length;
    batch.release();
  }
  port.postMessage(0);
  return { rows, sum, ...(everyNs > 0 && { latenciesNs: latencies.sort() }) };
}

async function post({ port, batches, batchRows }: RingEnd): Promise<EndReport> {
  const rows = quotes(batchRows);
  let free = POSTS_IN_FLIGHT;
  port.on('message', () => free++);
  for (let i = 0; i < batches; i++) {
    while (free === 0) await once(port, 'message');
    free--;
    port.postMessage(rows);
  }
  while (free < POSTS_IN_FLIGHT) await once(port, 'message');
  return { rows: batches * batchRows, sum: 0 };
}

async function take({ port, batches }: RingEnd): Promise<EndReport> {
  let rows = 0;
  let sum = 0;
  let taken = 0;
  await new Promise<void>((resolve) => {
    port.on('message', (message: readonly QuoteRow[]) => {
      for (const { bid } of message) sum += bid;
      rows += message.length;
      port.postMessage(0);
      if (++taken === batches) resolve();
    });
  });
  return { rows, sum };
}

/** Posts the instant at which a batch would be due, and nothing else. */
async function ping({ port, batches, batchRows, everyNs = 0 }: RingEnd): Promise<EndReport> {
  let due = process.hrtime.bigint();
  for (let i = 0; i < batches; i++) {
    due += BigInt(everyNs);
    while (process.hrtime.bigint() < due);
    port.postMessage(due);
  }
  await once(port, 'message');
  return { rows: batches * batchRows, sum: 0 };
}

async function pong({ port, batches, batchRows }: RingEnd): Promise<EndReport> {
  const latencies = new Float64Array(batches);
  let received = 0;
  await new Promise<void>((resolve) => {
    port.on('message', (due: bigint) => {
      latencies[received++] = Number(process.hrtime.bigint() - due);
      if (received === batches) resolve();
    });
  });
  port.postMessage(0);
  return { rows: batches * batchRows, sum: 0, latenciesNs: latencies.sort() };
}

/** Batches that there is room for. Nothing is checked: later ones may overwrite those that nobody has read. */
const BARE_PLACES = 64;

/** A cell that counts batches, their instants, and places for as many bytes as their rows have in a ring. */
export const barePlaces = ({
  batches,
  batchRows,
}: Pick<RingEnd, 'batches' | 'batchRows'>): SharedArrayBuffer =>
  new SharedArrayBuffer(8 * (1 + batches) + BARE_PLACES * batchRows * bytesPerRow(SCHEMA));

function bareCells({ places, batches, batchRows }: RingEnd) {
  const bytes = batchRows * bytesPerRow(SCHEMA);
  return {
    count: new Int32Array(places!, 0, 1),
    dues: new BigInt64Array(places!, 8, batches),
    placeOf: (batch: number) =>
      new Uint8Array(places!, 8 * (1 + batches) + (batch % BARE_PLACES) * bytes, bytes),
    own: new Uint8Array(bytes),
  };
}

/** Copies as much as a batch has, and wakes a thread that waits for nothing else. */
async function notify(end: RingEnd): Promise<EndReport> {
  const { port, batches, batchRows, everyNs = 0 } = end;
  const { count, dues, placeOf, own } = bareCells(end);
  let due = process.hrtime.bigint();
  for (let i = 0; i < batches; i++) {
    due += BigInt(everyNs);
    while (process.hrtime.bigint() < due);
    placeOf(i).set(own);
    dues[i] = due;
    Atomics.store(count, 0, i + 1);
    Atomics.notify(count, 0);
  }
  await once(port, 'message');
  return { rows: batches * batchRows, sum: 0 };
}

function wait(end: RingEnd): EndReport {
  const { port, batches, batchRows } = end;
  const { count, dues, placeOf, own } = bareCells(end);
  const bids = new Float64Array(own.buffer, 0, batchRows);
  const latencies = new Float64Array(batches);
  let sum = 0;
  for (let received = 0; received < batches; ) {
    Atomics.wait(count, 0, received);
    for (const there = Atomics.load(count, 0); received < there; received++) {
      own.set(placeOf(received));
      latencies[received] = Number(process.hrtime.bigint() - dues[received]!);
      sum += sumOf(bids, batchRows);
    }
  }
  port.postMessage(0);
  return { rows: batches * batchRows, sum, latenciesNs: latencies.sort() };
}

function sumOf(values: Float64Array, length: number): number {
  let sum = 0;
  for (let row = 0; row < length; row++) sum += values[row]!;
  return sum;
}
