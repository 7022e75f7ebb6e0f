import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeWith, listDecoder } from '../../support/binance/decode-with.js';
import { type PlainOptions, plainDecode } from '../../support/binance/plain-decoder.js';
import { randomFrame, SYMBOLS } from '../../support/binance/random-message.js';
import { tried } from '../../support/deep.js';

const RUNS = tried(2_000, 10_000, 50_000);

const FORMS: readonly Pick<PlainOptions, 'kind' | 'market'>[] = [
  { kind: 'trade', market: 'spot' },
  { kind: 'trade', market: 'usdm' },
  { kind: 'aggTrade', market: 'spot' },
  { kind: 'bookTicker', market: 'spot' },
  { kind: 'bookTicker', market: 'usdm' },
  { kind: 'depthUpdate', market: 'spot' },
  { kind: 'depthUpdate', market: 'usdm' },
  { kind: 'kline', market: 'spot' },
];

/** As recorded, but for the ids. */
const SPOT_TRADE =
  '{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":41,"p":"61837.63000000","q":"0.02000000","T":1723161255342,"m":true,"M":true}}';
const FUND_TRADE =
  '{"e":"trade","E":1723161256322,"T":1723161256321,"s":"BTCUSDT","t":42,"p":"61800.30","q":"0.006","X":"INSURANCE_FUND","m":false}';
const USDM_DEPTH =
  '{"e":"depthUpdate","E":6,"T":5,"s":"BTCUSDT","U":11,"u":13,"pu":10,"b":[["58710.20","0.014"]],"a":[["58711.00","0.000"],["1e2","2"]]}';

/** As the documentation of the venue has it. */
const bar = (changed: object) =>
  JSON.stringify({
    e: 'kline',
    E: 1_638_747_660_001,
    s: 'BTCUSDT',
    k: {
      t: 1_638_747_660_000,
      T: 1_638_747_719_999,
      s: 'BTCUSDT',
      i: '1m',
      f: 100,
      L: 200,
      o: '0.0010',
      c: '0.0020',
      h: '0.0025',
      l: '0.0015',
      v: '1000',
      n: 100,
      x: false,
      q: '1.0000',
      V: '500',
      Q: '0.500',
      B: '123456',
      ...changed,
    },
  });

const trades = (market: 'spot' | 'usdm' = 'spot') => listDecoder({ kind: 'trade', market, symbols: SYMBOLS });

describe('the decoders of Binance', () => {
  for (const form of FORMS) {
    it(`read each ${form.kind} of ${form.market} as JSON.parse does, whatever its form, and refuse what it refuses`, () => {
      const options = { ...form, symbols: SYMBOLS };
      const decoder = listDecoder(options);
      const met = { rows: 0, answers: 0, wrong: 0 };
      fc.assert(
        fc.property(randomFrame(options), fc.boolean(), (frame, isText) => {
          const expected = plainDecode(frame, options);
          expect(decodeWith(decoder, isText ? frame : Buffer.from(frame))).toEqual(expected);
          if ('rows' in expected) met.rows++;
          else if ('wrong' in expected) met.wrong++;
          else met.answers++;
        }),
        { numRuns: RUNS },
      );
      // Or little would have been compared.
      expect(met.rows).toBeGreaterThan(RUNS / 5);
      expect(met.wrong).toBeGreaterThan(RUNS / 20);
      expect(met.answers).toBeGreaterThan(0);
    });
  }

  it('take the time of the trade, and the seller for the taker where the buyer is the maker', () => {
    const list = trades();
    expect(decodeWith(list, SPOT_TRADE)).toEqual({
      rows: [['BTCUSDT', 1_723_161_255_342, 61_837.63, 0.02, 'sell', 41, 0]],
    });
  });

  it('mark a trade that does not come from the market, and keep its id', () => {
    expect(decodeWith(trades('usdm'), FUND_TRADE)).toEqual({
      rows: [['BTCUSDT', 1_723_161_256_321, 61_800.3, 0.006, 'buy', 42, 1]],
    });
  });

  it('read the ids and levels of an update of a book', () => {
    const list = listDecoder({ kind: 'depthUpdate', market: 'usdm', symbols: SYMBOLS });
    expect(decodeWith(list, USDM_DEPTH)).toEqual({
      rows: [
        ['BTCUSDT', 5, 11, 13, 10],
        ['bid', 58_710.2, 0.014],
        ['ask', 58_711, 0],
        ['ask', 100, 2],
      ],
    });
  });

  it('give a bar that has ended with its mean price, and of one that goes on its beginning alone', () => {
    const list = listDecoder({ kind: 'kline', market: 'spot', symbols: SYMBOLS });
    expect(decodeWith(list, bar({ x: true }))).toEqual({
      rows: [['BTCUSDT', 1_638_747_660_000, 0.001, 0.0025, 0.0015, 0.002, 1_000, 1 / 1_000, 100]],
    });
    expect(decodeWith(list, bar({ x: false }))).toEqual({
      rows: [['BTCUSDT', 1_638_747_660_000, 'goes on']],
    });
    expect(decodeWith(list, bar({ x: true, v: '0', q: '0', n: 0, f: -1, L: -1 }))).toMatchObject({
      rows: [[...Array(6).fill(expect.anything()), 0, Number.NaN, 0]],
    });
  });

  it('say which part of a bar is not as expected', () => {
    const { decoder } = listDecoder({ kind: 'kline', market: 'spot', symbols: SYMBOLS });
    expect(() => decoder.decode(bar({ i: '5m' }))).toThrow('expected a bar with "1m" as "k.i", found "5m"');
    expect(() => decoder.decode(bar({ x: true, o: 7 }))).toThrow(
      'expected a bar with a decimal number as a text as "k.o", found 7',
    );
    expect(() => decoder.decode('{"e":"kline","s":"BTCUSDT","k":[]}')).toThrow(
      'expected a bar with an object as "k", found []',
    );
  });

  it('grow with the levels of an update', () => {
    const list = listDecoder({ kind: 'depthUpdate', market: 'spot', symbols: SYMBOLS });
    const b = Array.from({ length: 5_000 }, (_, i) => [`${i}.5`, `${i}`]);
    const frame = JSON.stringify({ e: 'depthUpdate', E: 1, s: 'A', U: 1, u: 2, b, a: [] });
    const { rows } = decodeWith(list, frame) as { rows: unknown[] };
    expect(rows).toHaveLength(5_001);
    expect(rows.at(-1)).toEqual(['bid', 4_999.5, 4_999]);
  });

  it('find each of a thousand symbols', () => {
    const symbols = Array.from({ length: 1_024 }, (_, i) => `S${i}USDT`);
    const list = listDecoder({ kind: 'trade', market: 'spot', symbols });
    for (const symbol of symbols) {
      const { rows } = decodeWith(list, SPOT_TRADE.replaceAll('BTCUSDT', symbol)) as { rows: string[][] };
      expect(rows[0]![0]).toBe(symbol);
    }
  });

  it.each([
    [
      SPOT_TRADE.replace('"61837.63000000"', '61837.63'),
      'expected a trade with a decimal number as a text as "p", found 61837.63',
    ],
    [SPOT_TRADE.replace('"m":true', '"m":1'), 'expected a trade with true or false as "m", found 1'],
    [SPOT_TRADE.replace('"t":41', '"t":"41"'), 'expected a trade with a whole number as "t", found "41"'],
    [
      SPOT_TRADE.replace('BTCUSDT"', 'DOGEUSDT"'),
      'expected a trade with a symbol that was asked for as "s", found "DOGEUSDT"',
    ],
    [SPOT_TRADE.replace('"trade"', '"kline"'), 'expected a trade with "trade" as "e", found "kline"'],
    [SPOT_TRADE.slice(0, 60), `expected a trade in JSON, found ${SPOT_TRADE.slice(0, 60)}`],
    ['[1]', 'expected a trade as an object, found a list'],
  ])('say of %s what was expected and what was found', (frame, message) => {
    expect(() => trades().decoder.decode(frame)).toThrow(`Provider "binance": ${message}`);
  });

  it('tell answers from rows', () => {
    const { decoder } = trades();
    expect(decoder.decode('{"result":null,"id":4}')).toEqual({ kind: 'done', id: 4 });
    expect(decoder.decode('{"error":{"code":2,"msg":"too many parameters"},"id":5}')).toEqual({
      kind: 'refused',
      id: 5,
      code: 2,
      message: 'too many parameters',
    });
    expect(decoder.decode('{"e":"serverShutdown","E":1}')).toEqual({ kind: 'shutdown' });
  });
});
