import { ProviderError } from '../../core/provider-error.js';
import { cutText, describeValue } from '../../core/shown-text.js';
import { decimalIn, wholeIn } from './decimals.js';
import type { Levels } from './levels.js';

type Fields = Readonly<Record<string, unknown>>;

/** What a frame was, if it was no row. */
export type Answer =
  /** The venue has taken in a request. */
  | { readonly kind: 'done'; readonly id: number | undefined }
  /** It has refused one. */
  | {
      readonly kind: 'refused';
      readonly id: number | undefined;
      readonly code: number | undefined;
      readonly message: string;
    }
  /** The server is about to close its connections. */
  | { readonly kind: 'shutdown' };

const SHOWN_CHARS_MAX = 80;

/** A message that `JSON.parse` has read: the way for whatever the fast one does not know, with the same rows. */
export class ParsedMessage {
  readonly #who: string;
  readonly #what: string;
  readonly #fields: Fields;
  /** In front of its keys, for errors: it is a part of the message. */
  readonly #path: string;

  /**
   * @param who - Whose message it is, for errors, as in `Provider "binance-spot"`.
   * @param what - What was expected, as in `a trade`.
   */
  constructor(who: string, what: string, fields: Fields, path = '') {
    this.#who = who;
    this.#what = what;
    this.#fields = fields;
    this.#path = path;
  }

  /** @throws {ProviderError} `protocol` if a frame is no object in JSON. */
  static read(who: string, what: string, frame: Uint8Array | string): ParsedMessage {
    const text = typeof frame === 'string' ? frame : textOf(frame);
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (cause) {
      throw protocol(who, `${what} in JSON`, shown(text), cause);
    }
    const outer = fieldsOf(value);
    if (!outer) throw protocol(who, `${what} as an object`, describeValue(value));
    return new ParsedMessage(who, what, fieldsOf(outer.data) ?? outer);
  }

  has(key: string): boolean {
    return Object.hasOwn(this.#fields, key);
  }

  is(key: string, text: string): boolean {
    return this.#fields[key] === text;
  }

  /** The answer to a request or the notice that it is; `undefined`: it is neither. */
  answer(): Answer | undefined {
    const { e, s, id, result, error, code, msg } = this.#fields;
    if (e === 'serverShutdown') return { kind: 'shutdown' };
    if (e !== undefined || s !== undefined) return undefined;
    const of = typeof id === 'number' ? id : undefined;
    const refusal = fieldsOf(error) ?? (code === undefined ? undefined : { code, msg });
    if (refusal) {
      const message = typeof refusal.msg === 'string' ? cutText(refusal.msg, 300) : 'without a reason';
      return {
        kind: 'refused',
        id: of,
        code: typeof refusal.code === 'number' ? refusal.code : undefined,
        message,
      };
    }
    return Object.hasOwn(this.#fields, 'result') && result === null ? { kind: 'done', id: of } : undefined;
  }

  /** @throws {ProviderError} `protocol` if it is another event. */
  checkEvent(event: string, mayLack = false): void {
    const found = this.#fields.e;
    if (found === event || (mayLack && found === undefined)) return;
    this.#refuse('e', `"${event}"`, found);
  }

  whole(key: string): number {
    const value = wholeIn(this.#fields[key]);
    return Number.isNaN(value) ? this.#refuse(key, 'a whole number', this.#fields[key]) : value;
  }

  decimal(key: string): number {
    const value = decimalIn(this.#fields[key]);
    return Number.isNaN(value) ? this.#refuse(key, 'a decimal number as a text', this.#fields[key]) : value;
  }

  flag(key: string): boolean {
    const value = this.#fields[key];
    return typeof value === 'boolean' ? value : this.#refuse(key, 'true or false', value);
  }

  text(key: string): string {
    const value = this.#fields[key];
    return typeof value === 'string' ? value : this.#refuse(key, 'a text', value);
  }

  /** An object in it. */
  part(key: string): ParsedMessage {
    const value = this.#fields[key];
    const fields = fieldsOf(value) ?? this.#refuse(key, 'an object', value);
    return new ParsedMessage(this.#who, this.#what, fields, `${this.#path}${key}.`);
  }

  /** @throws {ProviderError} `protocol` if a field is another text. */
  checkText(key: string, text: string): void {
    if (!this.is(key, text)) this.#refuse(key, `"${text}"`, this.#fields[key]);
  }

  /** Puts the levels of a list `[["price","size"],…]` in place of those that are there. */
  levels(key: string, into: Levels): void {
    into.clear();
    const list = this.#fields[key];
    if (!Array.isArray(list)) this.#refuse(key, 'a list of levels', list);
    for (const level of list as readonly unknown[]) {
      const [price, size] = Array.isArray(level) ? level.map(decimalIn) : [];
      if (price === undefined || size === undefined || Number.isNaN(price) || Number.isNaN(size)) {
        this.#refuse(key, 'levels as ["price", "size"]', level);
      }
      into.add(price as number, size as number);
    }
  }

  /** @param symbol - Which is none of those asked for. */
  refuseSymbol(symbol: string): never {
    return this.#refuse('s', 'a symbol that was asked for', symbol);
  }

  #refuse(key: string, expected: string, value: unknown): never {
    throw protocol(this.#who, `${this.#what} with ${expected} as "${this.#path}${key}"`, foundOf(value));
  }
}

/** The error for what cannot be a message of the venue. */
const protocol = (who: string, expected: string, found: string, cause?: unknown): ProviderError =>
  new ProviderError('protocol', `${who}: expected ${expected}, found ${found}`, { cause });

function foundOf(value: unknown): string {
  if (value === undefined) return 'none';
  if (typeof value === 'object' && value !== null) return shown(JSON.stringify(value));
  return typeof value === 'string' ? shown(JSON.stringify(value)) : String(value);
}

const shown = (text: string): string => (text === '' ? 'nothing' : cutText(text, SHOWN_CHARS_MAX));

const textOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');

const fieldsOf = (value: unknown): Fields | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
