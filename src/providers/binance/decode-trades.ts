import type { TradeWriter } from '../contract/row-writers.js';
import { FrameDecoder } from './frame-decoder.js';
import { MessageFields, slotOf } from './message-fields.js';
import type { ParsedMessage } from './parsed-message.js';
import type { SymbolTable } from './symbol-table.js';

/** A form in which the venue tells of trades. */
export interface TradeForm {
  readonly event: 'trade' | 'aggTrade';
  /** Key of the id that is one more for each message of a symbol. */
  readonly id: 't' | 'a';
}

/** Each trade by itself. */
export const SINGLE_TRADES: TradeForm = { event: 'trade', id: 't' };
/** The trades of one order at one price together. */
export const AGGREGATED_TRADES: TradeForm = { event: 'aggTrade', id: 'a' };

/** Indexes into `TRADE_SIDES`. */
const BUY = 1;
const SELL = 2;
/** What the key `X` of a trade that comes from the market says. USD-M futures have it; it is in no documentation. */
const MARKET = 'MARKET';

const [PRICE, SIZE, TIME, MAKER, ORIGIN] = [...'pqTmX'].map(slotOf) as [
  number,
  number,
  number,
  number,
  number,
];
const MARKET_BYTES = Uint8Array.from(Buffer.from(MARKET));

/**
 * Writes the trades in messages of the venue. Its time is that of the trade (`T`), not that of the message (`E`). A
 * buyer who is the maker (`m`) means that the seller took the offer. A trade that does not come from the market (such
 * as one of the insurance fund) is a row as well, since its id is one of the chain, and is marked `offMarket`.
 */
export class TradeDecoder extends FrameDecoder {
  readonly #idKey: string;
  readonly #id: number;
  readonly #target: Pick<TradeWriter, 'trade'>;

  constructor(who: string, form: TradeForm, symbols: SymbolTable, target: Pick<TradeWriter, 'trade'>) {
    super(who, { what: 'a trade', event: form.event }, symbols, new MessageFields());
    this.#idKey = form.id;
    this.#id = slotOf(form.id);
    this.#target = target;
  }

  protected takePlain(symbol: number, fields: MessageFields): boolean {
    const price = fields.decimal(PRICE);
    const size = fields.decimal(SIZE);
    const time = fields.whole(TIME);
    const id = fields.whole(this.#id);
    const isMaker = fields.flag(MAKER);
    if (time < 0 || id < 0 || isMaker < 0 || Number.isNaN(price) || Number.isNaN(size)) return false;
    const isOffMarket = fields.has(ORIGIN) && !fields.isThis(ORIGIN, MARKET_BYTES);
    this.#target.trade(symbol, time, 0, price, size, isMaker === 1 ? SELL : BUY, id, isOffMarket ? 1 : 0);
    return true;
  }

  protected takeOdd(symbol: number, message: ParsedMessage): void {
    const price = message.decimal('p');
    const size = message.decimal('q');
    const time = message.whole('T');
    const id = message.whole(this.#idKey);
    const side = message.flag('m') ? SELL : BUY;
    const isOffMarket = message.has('X') && !message.is('X', MARKET);
    this.#target.trade(symbol, time, 0, price, size, side, id, isOffMarket ? 1 : 0);
  }
}
