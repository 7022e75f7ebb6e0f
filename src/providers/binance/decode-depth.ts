import { FrameDecoder } from './frame-decoder.js';
import { Levels } from './levels.js';
import { MessageFields, PREVIOUS, slotOf } from './message-fields.js';
import type { ParsedMessage } from './parsed-message.js';
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

const [TIME, TOLD, FIRST, LAST, BIDS, ASKS] = [...'TEUuba'].map(slotOf) as [
  number,
  number,
  number,
  number,
  number,
  number,
];

/** Reads the updates of books in messages of the venue. */
export class DepthDecoder extends FrameDecoder {
  readonly #hasPrevious: boolean;
  readonly #target: (update: DepthUpdate) => void;
  readonly #update;

  /** @param hasPrevious - Whether the market sends `pu` and the time `T`, as USD-M futures do. */
  constructor(
    who: string,
    hasPrevious: boolean,
    symbols: SymbolTable,
    target: (update: DepthUpdate) => void,
  ) {
    const update = {
      symbolId: 0,
      timeMs: 0,
      firstId: 0,
      lastId: 0,
      previousId: -1,
      bids: new Levels(),
      asks: new Levels(),
    };
    const form = { what: 'an update of a book', event: 'depthUpdate' };
    super(who, form, symbols, new MessageFields({ levels: update }));
    this.#hasPrevious = hasPrevious;
    this.#target = target;
    this.#update = update;
  }

  protected takePlain(symbol: number, fields: MessageFields): boolean {
    const update = this.#update;
    update.symbolId = symbol;
    update.timeMs = fields.whole(this.#hasPrevious ? TIME : TOLD);
    update.firstId = fields.whole(FIRST);
    update.lastId = fields.whole(LAST);
    update.previousId = this.#hasPrevious ? fields.whole(PREVIOUS) : -1;
    if (this.#hasPrevious && update.previousId < 0) return false;
    const isPlain = update.timeMs >= 0 && update.firstId >= 0 && update.lastId >= 0;
    if (!isPlain || !fields.isLevels(BIDS) || !fields.isLevels(ASKS)) return false;
    this.#target(update);
    return true;
  }

  protected takeOdd(symbol: number, message: ParsedMessage): void {
    const update = this.#update;
    update.symbolId = symbol;
    update.timeMs = message.whole(this.#hasPrevious ? 'T' : 'E');
    update.firstId = message.whole('U');
    update.lastId = message.whole('u');
    update.previousId = this.#hasPrevious ? message.whole('pu') : -1;
    message.levels('b', update.bids);
    message.levels('a', update.asks);
    this.#target(update);
  }
}
