// A source of one's own: trades of a venue that sends JSON, with times in milliseconds and in
// nanoseconds, sides as letters, a sequence in 64 bits, and a message that cannot be used.
// examples/own-stages.mjs runs it.
// @ts-check
import {
  BatchPool,
  NO_STRING,
  nanos,
  STANDARD_COLUMNS,
  TRADE_SIDES,
  writeEpochMillis,
  writeInt64,
} from 'tickloom/stages';

/** @import { PlainData, Schema, Source, SourceFactory } from 'tickloom/stages' */

const { required, optional } = STANDARD_COLUMNS.trade;
/** @type {Schema} */
const SCHEMA = {
  kind: 'trade',
  columns: [
    ...required,
    ...optional,
    { name: 'sequence', type: 'int64' },
    { name: 'venue', type: 'string', nullable: true },
  ],
};

/** As they come from the venue. A `gap` says that messages were missed. */
const MESSAGES = [
  {
    ms: 1709544600000,
    receivedNs: '1709544600000250123',
    symbol: 'A',
    price: 10.5,
    size: 100,
    side: 'B',
    seq: '9007199254740993',
  },
  {
    ms: 1709544600250,
    receivedNs: '1709544600250300456',
    symbol: 'B',
    price: 20,
    size: 7,
    side: 'S',
    seq: '9007199254740994',
  },
  {
    ms: 1709544600300,
    receivedNs: '1709544600300190000',
    symbol: 'A',
    price: 'n/a',
    size: 1,
    side: 'B',
    seq: '9007199254740995',
  },
  { gap: { fromNs: 1709544600300000000n, toNs: 1709544601000000000n } },
  {
    ms: 1709544600250,
    receivedNs: '1709544600250300456',
    symbol: 'B',
    price: 20,
    size: 7,
    side: 'S',
    seq: '9007199254740994',
  },
  {
    ms: 1709544601000,
    receivedNs: '1709544601000100789',
    symbol: 'A',
    price: 10.6,
    size: 50,
    side: '?',
    seq: '9007199254741000',
    venue: 'X',
  },
];
const SIDES = new Map([
  ['B', TRADE_SIDES.indexOf('buy')],
  ['S', TRADE_SIDES.indexOf('sell')],
]);

/** @type {SourceFactory<unknown>} */
export const venueTrades = {
  plan: () => SCHEMA,
  create(_options, { dictionaries, batchRows, rejects }) {
    const pool = new BatchPool(SCHEMA, batchRows, dictionaries);
    const symbols = dictionaries.get('symbol');
    const venues = dictionaries.get('venue');
    let at = 0;
    let stopped = false;
    let rowsRejected = 0;
    /** @type {Source} */
    const source = {
      schema: SCHEMA,
      capabilities: { delivery: 'replayable', bounded: true },
      order: { scope: 'symbol', maxDelayNs: 0 },
      get rowsRejected() {
        return rowsRejected;
      },
      async read() {
        if (stopped || at >= MESSAGES.length) return null;
        const batch = pool.acquire();
        const time = batch.int32('time');
        const received = batch.int32('received');
        const sequence = batch.int32('sequence');
        for (; at < MESSAGES.length && batch.length < batch.capacity; at++) {
          const message = MESSAGES[at];
          if (message?.gap) {
            const { fromNs, toNs } = message.gap;
            const record = {
              type: /** @type {const} */ ('gap'),
              from: nanos(fromNs),
              to: nanos(toNs),
              reason: 'missed',
            };
            batch.controls.push({ row: batch.length, record });
            continue;
          }
          const { ms, receivedNs, symbol, price, size, side, seq, venue } = message ?? {};
          if (
            ms === undefined ||
            receivedNs === undefined ||
            seq === undefined ||
            typeof price !== 'number'
          ) {
            rejects.add({
              file: 'venue',
              line: at + 1,
              field: 'price',
              expected: 'a number',
              found: String(price),
            });
            rowsRejected++;
            continue;
          }
          const row = batch.length;
          writeEpochMillis(time, row, ms, 0);
          writeInt64(received, row, BigInt(receivedNs));
          writeInt64(sequence, row, BigInt(seq));
          batch.int32('symbol')[row] = symbols.idOf(symbol ?? '');
          batch.int32('venue')[row] = venue === undefined ? NO_STRING : venues.idOf(venue);
          batch.float64('price')[row] = price;
          batch.float64('size')[row] = size ?? 0;
          batch.uint8('side')[row] = SIDES.get(side ?? '') ?? TRADE_SIDES.indexOf('unknown');
          batch.length++;
        }
        await rejects.flush();
        return batch;
      },
      stop() {
        stopped = true;
      },
      position: () => ({ at, rowsRejected }),
      resume(position) {
        ({ at, rowsRejected } = readPosition(position));
      },
      close: () => pool.close(),
    };
    return source;
  },
};

/**
 * What `position` gave, which may come from a file.
 * @param {PlainData} position
 */
function readPosition(position) {
  if (typeof position === 'object' && position !== null && 'at' in position && 'rowsRejected' in position) {
    const { at, rowsRejected } = position;
    if (typeof at === 'number' && typeof rowsRejected === 'number') return { at, rowsRejected };
  }
  throw new TypeError('expected the position of a venue');
}
