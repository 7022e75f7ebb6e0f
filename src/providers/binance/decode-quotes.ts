import type { QuoteWriter } from '../contract/row-writers.js';
import { MessageFields, slotOf } from './message-fields.js';
import { type Answer, ParsedMessage } from './parsed-message.js';
import type { SymbolTable } from './symbol-table.js';

const EVENT_NAME = 'bookTicker';
const EVENT_BYTES = Uint8Array.from(Buffer.from(EVENT_NAME));

const [EVENT, SYMBOL, BID, BID_SIZE, ASK, ASK_SIZE, TIME, UPDATE] = [...'esbBaATu'].map(slotOf) as [
  number,
  number,
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
export class QuoteDecoder {
  readonly #who: string;
  readonly #hasTimes: boolean;
  readonly #symbols: SymbolTable;
  readonly #target: Pick<QuoteWriter, 'quote'>;
  readonly #fields = new MessageFields();

  /** @param hasTimes - Whether the market sends times. */
  constructor(who: string, hasTimes: boolean, symbols: SymbolTable, target: Pick<QuoteWriter, 'quote'>) {
    this.#who = who;
    this.#hasTimes = hasTimes;
    this.#symbols = symbols;
    this.#target = target;
  }

  /**
   * Writes the quote of a frame.
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
    if (fields.has(EVENT) ? !fields.isThis(EVENT, EVENT_BYTES) : this.#hasTimes) return false;
    if (!fields.isText(SYMBOL)) return false;
    const symbol = this.#symbols.find(bytes, fields.start(SYMBOL), fields.end(SYMBOL));
    const bid = fields.decimal(BID);
    const bidSize = fields.decimal(BID_SIZE);
    const ask = fields.decimal(ASK);
    const askSize = fields.decimal(ASK_SIZE);
    const time = this.#hasTimes ? fields.whole(TIME) : Number.NaN;
    const update = fields.whole(UPDATE);
    if (symbol < 0 || time < 0 || update < 0) return false;
    if (Number.isNaN(bid) || Number.isNaN(bidSize) || Number.isNaN(ask) || Number.isNaN(askSize))
      return false;
    this.#target.quote(symbol, time, 0, bid, ask, bidSize, askSize, update);
    return true;
  }

  #writeParsed(frame: Uint8Array | string): Answer | undefined {
    const message = ParsedMessage.read(this.#who, 'a quote', frame);
    const answer = message.answer();
    if (answer) return answer;
    message.checkEvent(EVENT_NAME, !this.#hasTimes);
    const name = message.text('s');
    const symbol = this.#symbols.idOf(name);
    if (symbol < 0) message.refuseSymbol(name);
    const bid = message.decimal('b');
    const bidSize = message.decimal('B');
    const ask = message.decimal('a');
    const askSize = message.decimal('A');
    const time = this.#hasTimes ? message.whole('T') : Number.NaN;
    this.#target.quote(symbol, time, 0, bid, ask, bidSize, askSize, message.whole('u'));
    return undefined;
  }
}
