import type { QuoteWriter } from '../contract/row-writers.js';
import { FrameDecoder } from './frame-decoder.js';
import { MessageFields, slotOf } from './message-fields.js';
import type { ParsedMessage } from './parsed-message.js';
import type { SymbolTable } from './symbol-table.js';

const [BID, BID_SIZE, ASK, ASK_SIZE, TIME, UPDATE] = [...'bBaATu'].map(slotOf) as [
  number,
  number,
  number,
  number,
  number,
  number,
];

/**
 * Writes the quotes in messages of the venue: best bid and ask, numbered by the update of the book (`u`). Those of
 * spot name neither the event nor a time; their rows get the time at which they were received.
 */
export class QuoteDecoder extends FrameDecoder {
  readonly #hasTimes: boolean;
  readonly #target: Pick<QuoteWriter, 'quote'>;

  /** @param hasTimes - Whether the market sends times. */
  constructor(who: string, hasTimes: boolean, symbols: SymbolTable, target: Pick<QuoteWriter, 'quote'>) {
    super(who, { what: 'a quote', event: 'bookTicker', isUnnamed: !hasTimes }, symbols, new MessageFields());
    this.#hasTimes = hasTimes;
    this.#target = target;
  }

  protected takePlain(symbol: number, fields: MessageFields): boolean {
    const bid = fields.decimal(BID);
    const bidSize = fields.decimal(BID_SIZE);
    const ask = fields.decimal(ASK);
    const askSize = fields.decimal(ASK_SIZE);
    const time = this.#hasTimes ? fields.whole(TIME) : Number.NaN;
    const update = fields.whole(UPDATE);
    if (time < 0 || update < 0) return false;
    if (Number.isNaN(bid) || Number.isNaN(bidSize) || Number.isNaN(ask) || Number.isNaN(askSize))
      return false;
    this.#target.quote(symbol, time, 0, bid, ask, bidSize, askSize, update);
    return true;
  }

  protected takeOdd(symbol: number, message: ParsedMessage): void {
    const bid = message.decimal('b');
    const bidSize = message.decimal('B');
    const ask = message.decimal('a');
    const askSize = message.decimal('A');
    const time = this.#hasTimes ? message.whole('T') : Number.NaN;
    this.#target.quote(symbol, time, 0, bid, ask, bidSize, askSize, message.whole('u'));
  }
}
