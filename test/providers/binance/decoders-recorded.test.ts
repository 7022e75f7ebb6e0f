import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decodeWith, listDecoder } from '../../support/binance/decode-with.js';
import { type PlainOptions, type PlainRow, plainDecode } from '../../support/binance/plain-decoder.js';
import { type Channel, recordedSession, sessionFacts } from '../../support/binance/recorded-frames.js';
import { hasRecordedData, recordedPath, recordedTitle } from '../../support/recorded-data.js';

const KINDS = { trade: 'trade', bookTicker: 'bookTicker', depth: 'depthUpdate' } as const;
const meanOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

describe.runIf(hasRecordedData)(recordedTitle('the decoders of Binance, on recorded sessions'), () => {
  for (const market of ['spot', 'usdm'] as const) {
    it(`give the rows of ${market} that JSON.parse gives, with the counts, sums and last prices of the facts`, () => {
      const { frames, symbol } = recordedSession(market);
      const facts = sessionFacts(market);
      const rowsOf = (channel: Channel): PlainRow[][] => {
        const options: PlainOptions = { kind: KINDS[channel], market, symbols: [symbol] };
        const list = listDecoder(options);
        return frames
          .filter((frame) => frame.channel === channel)
          .map(({ bytes }) => {
            const found = decodeWith(list, bytes) as { rows: PlainRow[] };
            const expected = plainDecode(bytes.toString('utf8'), options);
            expect(found).toEqual(expected);
            return found.rows;
          });
      };

      const trades = rowsOf('trade').flat() as [string, number, number, number, string, number, number][];
      expect(trades).toHaveLength(facts.messages_by_channel.trade);
      expect(trades.reduce((sum, row) => sum + row[3], 0)).toBeCloseTo(Number(facts.trade_qty.sum), 6);
      expect(meanOf(trades.map((row) => row[2]))).toBeCloseTo(Number(facts.trade_price.mean), 6);
      expect(trades.filter((row) => row[4] === 'buy')).toHaveLength(facts.trades_by_taker_side.buy);
      expect([trades[0]![5], trades.at(-1)![5]]).toEqual([facts.trade_ids.first, facts.trade_ids.last]);

      const quotes = rowsOf('bookTicker').flat();
      const { last, bid } = facts.bookTicker;
      expect(quotes).toHaveLength(facts.messages_by_channel.bookTicker);
      expect(meanOf(quotes.map((row) => row[2] as number))).toBeCloseTo(Number(bid.mean), 6);
      expect(quotes.at(-1)!.slice(2)).toEqual(
        [last.bid, last.ask, last.bid_qty, last.ask_qty, last.u].map(Number),
      );

      const updates = rowsOf('depth');
      const levels = updates.reduce((sum, rows) => sum + rows.length - 1, 0);
      expect(updates).toHaveLength(facts.messages_by_channel.depth);
      expect(levels).toBe(Number(facts.depth_levels_per_message.sum));
    });
  }

  it('read the aggregated trades of a capture of many symbols', () => {
    const lines = readFileSync(recordedPath('raw-ws-captures/BINANCE.ws.1.0'), 'utf8').split('\n');
    const texts = lines.flatMap((line) =>
      line.includes('@aggTrade","data"') ? [line.slice(line.indexOf('{'))] : [],
    );
    const symbols = [...new Set(texts.map((text) => JSON.parse(text).data.s as string))];
    const options: PlainOptions = { kind: 'aggTrade', market: 'spot', symbols };
    const list = listDecoder(options);
    expect(texts.length).toBeGreaterThan(0);
    for (const text of texts) expect(decodeWith(list, text)).toEqual(plainDecode(text, options));
  });
});
