import { Levels } from './levels.js';
import { MessageFields, PREVIOUS, slotOf } from './message-fields.js';
import { type Answer, ParsedMessage } from './parsed-message.js';
import type { SymbolTable } from './symbol-table.js';

/** An update of a book. It is used again for the next message: who keeps one, copies it. */
export interface DepthUpdate {
  readonly symbolId: number;
  /** Ms since 1970 UTC: when it happened, or else when it was told. */
  readonly timeMs: number;
  /** Id of the first change in it. */
  readonly firstId: number;
  /** Id of the last change in it. */
  readonly lastId: number;
  /** Id of the last change in the update before, where the market sends it; else −1. */
  readonly previousId: number;
  readonly bids: Levels;
  readonly asks: Levels;
}

const EVENT_NAME = 'depthUpdate';
const EVENT_BYTES = Uint8Array.from(Buffer.from(EVENT_NAME));
const [EVENT, SYMBOL, TIME, TOLD, FIRST, LAST, BIDS, ASKS] = [...'esTEUuba'].map(slotOf) as [
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
];

/** Reads the updates of books in messages of the venue. */
export class DepthDecoder {
  readonly #who: string;
  readonly #hasPrevious: boolean;
  readonly #symbols: SymbolTable;
  readonly #target: (update: DepthUpdate) => void;
  readonly #update = {
    symbolId: 0,
    timeMs: 0,
    firstId: 0,
    lastId: 0,
    previousId: -1,
    bids: new Levels(),
    asks: new Levels(),
  };
  readonly #fields = new MessageFields(this.#update);

  /** @param hasPrevious - Whether the market sends `pu` and the time `T`, as USD-M futures do. */
  constructor(
    who: string,
    hasPrevious: boolean,
    symbols: SymbolTable,
    target: (update: DepthUpdate) => void,
  ) {
    this.#who = who;
    this.#hasPrevious = hasPrevious;
    this.#symbols = symbols;
    this.#target = target;
  }

  /**
   * Gives the update of a frame to the target.
   * @returns The answer that the frame was instead.
   * @throws {ProviderError} `protocol` if it is neither.
   */
  decode(frame: Uint8Array | string): Answer | undefined {
    const bytes = typeof frame === 'string' ? Buffer.from(frame) : frame;
    if (!this.#fields.read(bytes) || !this.#takeFields(bytes)) {
      const answer = this.#takeParsed(frame);
      if (answer) return answer;
    }
    this.#target(this.#update);
    return undefined;
  }

  /** @returns Whether all of it was plain. */
  #takeFields(bytes: Uint8Array): boolean {
    const fields = this.#fields;
    const update = this.#update;
    if (!fields.isThis(EVENT, EVENT_BYTES) || !fields.isText(SYMBOL)) return false;
    update.symbolId = this.#symbols.find(bytes, fields.start(SYMBOL), fields.end(SYMBOL));
    update.timeMs = fields.whole(this.#hasPrevious ? TIME : TOLD);
    update.firstId = fields.whole(FIRST);
    update.lastId = fields.whole(LAST);
    update.previousId = this.#hasPrevious ? fields.whole(PREVIOUS) : -1;
    if (this.#hasPrevious && update.previousId < 0) return false;
    const isPlain = update.symbolId >= 0 && update.timeMs >= 0 && update.firstId >= 0 && update.lastId >= 0;
    return isPlain && fields.isLevels(BIDS) && fields.isLevels(ASKS);
  }

  #takeParsed(frame: Uint8Array | string): Answer | undefined {
    const update = this.#update;
    const message = ParsedMessage.read(this.#who, 'an update of a book', frame);
    const answer = message.answer();
    if (answer) return answer;
    message.checkEvent(EVENT_NAME);
    const name = message.text('s');
    update.symbolId = this.#symbols.idOf(name);
    if (update.symbolId < 0) message.refuseSymbol(name);
    update.timeMs = message.whole(this.#hasPrevious ? 'T' : 'E');
    update.firstId = message.whole('U');
    update.lastId = message.whole('u');
    update.previousId = this.#hasPrevious ? message.whole('pu') : -1;
    message.levels('b', update.bids);
    message.levels('a', update.asks);
    return undefined;
  }
}
