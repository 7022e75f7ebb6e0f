import { parseDurationNs } from '../../core/duration-text.js';
import type { BarWriter, GapNote } from '../contract/row-writers.js';
import { BarOrder } from './bar-order.js';
import { BarDecoder, type BarTarget } from './decode-bars.js';
import { type StreamParts, stream, tableOf } from './streams.js';

/**
 * Writes the bars that have ended. They have no numbers, but each begins where the last one has ended: where the venue
 * goes on to a later one, a `gap` tells of those that did not come. While a bar goes on, messages of it are signs that
 * rows will come.
 */
export function streamBars(parts: StreamParts, interval: string, writer: BarWriter): Promise<void> {
  const { rest, market, symbols } = parts;
  const order = new BarOrder(Number(parseDurationNs(interval)) / 1e6);
  const table = tableOf(parts, writer);
  const names = new Map(symbols.map((symbol) => [writer.symbolId(symbol), symbol]));
  const begin = (id: number, timeMs: number) => {
    const fromMs = order.begin(id, timeMs);
    if (Number.isNaN(fromMs)) return;
    writer.gap({ fromMs, toMs: timeMs, symbol: names.get(id), reason: 'the end of a bar did not come' });
  };
  const told = {
    /** Between two connections. */
    gap(gap: GapNote) {
      order.forgetDue();
      writer.gap(gap);
    },
    get hasRoom() {
      return writer.hasRoom;
    },
    whenRoom: () => writer.whenRoom(),
  };
  const channel = { channel: `kline_${interval}`, path: market.barPath };
  return stream(parts, told, channel, (connection) => {
    const target: BarTarget = {
      goesOn(id, timeMs) {
        connection.rows(timeMs);
        begin(id, timeMs);
      },
      bar(id, timeMs, sub, open, high, low, close, volume, vwap, count) {
        connection.rows(timeMs);
        begin(id, timeMs);
        if (order.end(id, timeMs)) writer.bar(id, timeMs, sub, open, high, low, close, volume, vwap, count);
      },
    };
    return new BarDecoder(rest.who, interval, table, target);
  });
}
