import type { Column } from '../../../columns/schema.js';
import type { FieldReader, ValuesRead } from '../../../formats/pg-copy/field-reader.js';

/** The types that rows can be ordered by. The server compares them, and their values go back to it exactly. */
export const KEY_TYPES: ReadonlyMap<number, KeyType> = new Map([
  [20, 'int8'],
  [21, 'int2'],
  [23, 'int4'],
  [25, 'text'],
  [1043, 'text'],
  [1082, 'date'],
  [1114, 'timestamp'],
  [1184, 'timestamptz'],
  [2950, 'uuid'],
]);
export type KeyType = 'int2' | 'int4' | 'int8' | 'text' | 'date' | 'timestamp' | 'timestamptz' | 'uuid';

/** A column that rows are ordered by. */
export interface KeyColumn {
  readonly name: string;
  readonly type: KeyType;
}

const STEP_ROWS = 1_024;
/** These readers have no column of the batch. */
const NO_COLUMN: Column = { name: '', type: 'string' };

/** Watches the columns that rows are ordered by: it keeps those of the last row, and finds rows that are not told apart. */
export class RowKey {
  readonly readers: readonly FieldReader[];
  /** The last row's, as the server sent them. `undefined` before the first row. */
  #last: (Buffer | undefined)[];
  readonly #columns: readonly KeyColumn[];
  /** Whether a row of the step has the key of the row before it, as far as it was compared. */
  readonly #isSame = new Uint8Array(STEP_ROWS);
  #tie: string | undefined;
  #nullIn: string | undefined;

  constructor(columns: readonly KeyColumn[]) {
    this.#columns = columns;
    this.#last = columns.map(() => undefined);
    this.readers = columns.map(({ name }, index) => ({
      field: { name, column: NO_COLUMN, type: 'text' },
      read: (values) => this.#read(values, index),
    }));
  }

  /** Two rows in a row with one key, for people; `undefined` while there were none. */
  get tie(): string | undefined {
    return this.#tie;
  }

  /** The column in which a row has no value. */
  get nullIn(): string | undefined {
    return this.#nullIn;
  }

  /** The key of the last row as texts, for `keyLiteral`. */
  lastTexts(): string[] | undefined {
    const texts = this.#last.map((bytes, i) => bytes && keyText(bytes, this.#columns[i]!.type));
    return texts.every((text) => text !== undefined) ? texts : undefined;
  }

  #read({ view, bytes, places, count }: ValuesRead, index: number): void {
    let before = this.#last[index];
    let from = 0;
    let length = before?.length ?? -2;
    for (let i = 0; i < count; i++) {
      const place = places[i]!;
      const own = view.getInt32(place);
      if (own < 0) this.#nullIn ??= this.#columns[index]!.name;
      const isSame = (index === 0 || this.#isSame[i] === 1) && own === length && own >= 0;
      this.#isSame[i] = isSame && areEqual(before ?? bytes, from, bytes, place + 4, own) ? 1 : 0;
      if (this.#isSame[i] === 1 && index === this.#columns.length - 1)
        this.#tie ??= this.#shownKey(view, bytes, place, own);
      before = undefined; // from now on, within the same bytes
      from = place + 4;
      length = own;
    }
    // A copy, since the bytes are used again.
    this.#last[index] = Buffer.from(bytes.subarray(from, from + Math.max(0, length)));
  }

  #shownKey(_view: DataView, bytes: Buffer, place: number, length: number): string {
    const { name, type } = this.#columns.at(-1)!;
    return `${name} ${keyText(bytes.subarray(place + 4, place + 4 + length), type)}`;
  }
}

function areEqual(a: Uint8Array, from: number, b: Uint8Array, at: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (a[from + i] !== b[at + i]) return false;
  return true;
}

/** A value as a text that is kept in positions: a whole number, or the text itself. */
function keyText(bytes: Buffer, type: KeyType): string {
  switch (type) {
    case 'int2':
      return String(bytes.readInt16BE());
    case 'int4':
    case 'date':
      return String(bytes.readInt32BE());
    case 'int8':
    case 'timestamp':
    case 'timestamptz':
      return String(bytes.readBigInt64BE());
    case 'uuid':
      return bytes.toString('hex');
    default:
      return bytes.toString('utf8');
  }
}
