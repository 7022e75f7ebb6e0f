import type { TradeWriter } from '../contract/row-writers.js';
import { MessageFields, slotOf } from './message-fields.js';
import { type Answer, ParsedMessage } from './parsed-message.js';
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

const [EVENT, SYMBOL, PRICE, SIZE, TIME, MAKER, ORIGIN] = [...'espqTmX'].map(slotOf) as [
  number,
  number,
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
export class TradeDecoder {
  readonly #who: string;
  readonly #form: TradeForm;
  readonly #event: Uint8Array;
  readonly #id: number;
  readonly #symbols: SymbolTable;
  readonly #target: Pick<TradeWriter, 'trade'>;
  readonly #fields = new MessageFields();

  constructor(who: string, form: TradeForm, symbols: SymbolTable, target: Pick<TradeWriter, 'trade'>) {
    this.#who = who;
    this.#form = form;
    this.#event = Uint8Array.from(Buffer.from(form.event));
    this.#id = slotOf(form.id);
    this.#symbols = symbols;
    this.#target = target;
  }

  /**
   * Writes the trade of a frame.
   * @returns The answer that the frame was instead.
   * @throws {ProviderError} `protocol` if it is neither.
   */
  decode(frame: Uint8Array | string): Answer | undefined {
    const bytes = typeof frame === 'string' ? Buffer.from(frame) : frame;
    return this.#fields.read(bytes) && this.#writeFields(bytes) ? undefined : this.#writeParsed(frame);
  }

  /** @returns Whether all of it was plain. Else nothing was written. */
  #writeFields(bytes: Uint8Array): boolean {
    const fields = this.#fields;
    if (!fields.isThis(EVENT, this.#event) || !fields.isText(SYMBOL)) return false;
    const symbol = this.#symbols.find(bytes, fields.start(SYMBOL), fields.end(SYMBOL));
    const price = fields.decimal(PRICE);
    const size = fields.decimal(SIZE);
    const time = fields.whole(TIME);
    const id = fields.whole(this.#id);
    const isMaker = fields.flag(MAKER);
    const isPlain = symbol >= 0 && time >= 0 && id >= 0 && isMaker >= 0;
    if (!isPlain || Number.isNaN(price) || Number.isNaN(size)) return false;
    const isOffMarket = fields.has(ORIGIN) && !fields.isThis(ORIGIN, MARKET_BYTES);
    this.#target.trade(symbol, time, 0, price, size, isMaker === 1 ? SELL : BUY, id, isOffMarket ? 1 : 0);
    return true;
  }

  #writeParsed(frame: Uint8Array | string): Answer | undefined {
    const message = ParsedMessage.read(this.#who, 'a trade', frame);
    const answer = message.answer();
    if (answer) return answer;
    message.checkEvent(this.#form.event);
    const name = message.text('s');
    const symbol = this.#symbols.idOf(name);
    if (symbol < 0) message.refuseSymbol(name);
    const price = message.decimal('p');
    const size = message.decimal('q');
    const time = message.whole('T');
    const id = message.whole(this.#form.id);
    const side = message.flag('m') ? SELL : BUY;
    const isOffMarket = message.has('X') && !message.is('X', MARKET);
    this.#target.trade(symbol, time, 0, price, size, side, id, isOffMarket ? 1 : 0);
    return undefined;
  }
}
