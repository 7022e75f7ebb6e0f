import type { BarWriter } from '../contract/row-writers.js';
import { FrameDecoder } from './frame-decoder.js';
import { MessageFields, slotOf } from './message-fields.js';
import type { ParsedMessage } from './parsed-message.js';
import type { SymbolTable } from './symbol-table.js';

/** What is done with a bar. */
export interface BarTarget extends Pick<BarWriter, 'bar'> {
  /** The bar that begins at this time, in ms since 1970 UTC, has not ended. */
  goesOn(symbolId: number, timeMs: number): void;
}

const BAR = slotOf('k');
const [TIME, INTERVAL, IS_ENDED, OPEN, HIGH, LOW, CLOSE, VOLUME, TURNOVER, COUNT] = [...'tixohlcvqn'].map(
  slotOf,
) as [number, number, number, number, number, number, number, number, number, number];

/**
 * Writes the bars in messages of the venue. It sends a bar again and again while that goes on, and once more when it
 * has ended (`x`): only this one is written.
 */
export class BarDecoder extends FrameDecoder {
  readonly #interval: string;
  readonly #intervalBytes: Uint8Array;
  readonly #bar: MessageFields;
  readonly #target: BarTarget;

  /** @param interval - As the venue writes it, such as `1m`. */
  constructor(who: string, interval: string, symbols: SymbolTable, target: BarTarget) {
    const bar = new MessageFields();
    const fields = new MessageFields({ object: { slot: BAR, fields: bar } });
    super(who, { what: 'a bar', event: 'kline' }, symbols, fields);
    this.#interval = interval;
    this.#intervalBytes = Uint8Array.from(Buffer.from(interval));
    this.#bar = bar;
    this.#target = target;
  }

  protected takePlain(symbol: number, fields: MessageFields): boolean {
    const bar = this.#bar;
    if (!fields.isObject(BAR) || !bar.isThis(INTERVAL, this.#intervalBytes)) return false;
    const time = bar.whole(TIME);
    const isEnded = bar.flag(IS_ENDED);
    if (time < 0 || isEnded < 0) return false;
    if (isEnded === 0) {
      this.#target.goesOn(symbol, time);
      return true;
    }
    const open = bar.decimal(OPEN);
    const high = bar.decimal(HIGH);
    const low = bar.decimal(LOW);
    const close = bar.decimal(CLOSE);
    const volume = bar.decimal(VOLUME);
    const turnover = bar.decimal(TURNOVER);
    const count = bar.whole(COUNT);
    if (Number.isNaN(open + high + low + close + volume + turnover) || count < 0) return false;
    this.#write(symbol, time, open, high, low, close, volume, turnover, count);
    return true;
  }

  protected takeOdd(symbol: number, message: ParsedMessage): void {
    const bar = message.part('k');
    bar.checkText('i', this.#interval);
    const time = bar.whole('t');
    if (!bar.flag('x')) {
      this.#target.goesOn(symbol, time);
      return;
    }
    const open = bar.decimal('o');
    const high = bar.decimal('h');
    const low = bar.decimal('l');
    const close = bar.decimal('c');
    const volume = bar.decimal('v');
    const turnover = bar.decimal('q');
    this.#write(symbol, time, open, high, low, close, volume, turnover, bar.whole('n'));
  }

  #write(
    symbol: number,
    time: number,
    open: number,
    high: number,
    low: number,
    close: number,
    volume: number,
    turnover: number,
    count: number,
  ): void {
    const vwap = volume > 0 ? turnover / volume : Number.NaN;
    this.#target.bar(symbol, time, 0, open, high, low, close, volume, vwap, count);
  }
}
