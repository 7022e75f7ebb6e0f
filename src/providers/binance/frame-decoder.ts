import { type MessageFields, slotOf } from './message-fields.js';
import { type Answer, ParsedMessage } from './parsed-message.js';
import type { SymbolTable } from './symbol-table.js';

const [EVENT, SYMBOL] = [...'es'].map(slotOf) as [number, number];

/** What the messages of a decoder are. */
export interface MessageForm {
  /** For errors, as in `a trade`. */
  readonly what: string;
  /** What the key `e` says. */
  readonly event: string;
  /** Whether messages without the key `e` are taken for this event. */
  readonly isUnnamed?: boolean;
}

/**
 * Reads the frames of one kind of stream: from their bytes, and by `JSON.parse` what is not as plain, with the same
 * result. A subclass has both ways for what follows the event and the symbol.
 */
export abstract class FrameDecoder {
  readonly #who: string;
  readonly #form: MessageForm;
  readonly #event: Uint8Array;
  readonly #symbols: SymbolTable;
  readonly #fields: MessageFields;

  /** @param who - Whose messages they are, for errors, as in `Provider "binance-spot"`. */
  constructor(who: string, form: MessageForm, symbols: SymbolTable, fields: MessageFields) {
    this.#who = who;
    this.#form = form;
    this.#event = Uint8Array.from(Buffer.from(form.event));
    this.#symbols = symbols;
    this.#fields = fields;
  }

  /**
   * Hands on what a frame says.
   * @returns The answer that the frame was instead.
   * @throws {ProviderError} `protocol` if it is neither.
   */
  decode(frame: Uint8Array | string): Answer | undefined {
    const bytes = typeof frame === 'string' ? Buffer.from(frame) : frame;
    return this.#fields.read(bytes) && this.#takeFields(bytes) ? undefined : this.#takeParsed(frame);
  }

  /** @returns Whether all of it was plain. Else nothing was handed on. */
  protected abstract takePlain(symbol: number, fields: MessageFields): boolean;

  /** Hands on the same of a message that is not plain. */
  protected abstract takeOdd(symbol: number, message: ParsedMessage): void;

  #takeFields(bytes: Uint8Array): boolean {
    const fields = this.#fields;
    const isThis = fields.has(EVENT) ? fields.isThis(EVENT, this.#event) : this.#form.isUnnamed === true;
    if (!isThis || !fields.isText(SYMBOL)) return false;
    const symbol = this.#symbols.find(bytes, fields.start(SYMBOL), fields.end(SYMBOL));
    return symbol >= 0 && this.takePlain(symbol, fields);
  }

  #takeParsed(frame: Uint8Array | string): Answer | undefined {
    const { what, event, isUnnamed } = this.#form;
    const message = ParsedMessage.read(this.#who, what, frame);
    const answer = message.answer();
    if (answer) return answer;
    message.checkEvent(event, isUnnamed);
    const name = message.text('s');
    const symbol = this.#symbols.idOf(name);
    if (symbol < 0) message.refuseSymbol(name);
    this.takeOdd(symbol, message);
    return undefined;
  }
}
