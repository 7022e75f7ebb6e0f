import { ByteBuffer } from './byte-buffer.js';

const TRUE = 1;
const FALSE = 2;
const I32 = 5;
const I64 = 6;
const BINARY = 8;
const LIST = 9;
const STRUCT = 12;

/**
 * Writes Thrift's compact protocol, as far as Parquet's metadata needs it.
 * @see https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
 */
export class ThriftWriter {
  readonly out: ByteBuffer;
  /** The last field id of each open struct. */
  readonly #last: number[] = [0];

  constructor(out = new ByteBuffer()) {
    this.out = out;
  }

  bool(field: number, value: boolean): void {
    this.#field(field, value ? TRUE : FALSE);
  }

  i32(field: number, value: number): void {
    this.#field(field, I32);
    this.out.zigzag(BigInt(value));
  }

  i64(field: number, value: number): void {
    this.#field(field, I64);
    this.out.zigzag(BigInt(value));
  }

  binary(field: number, value: Uint8Array): void {
    this.#field(field, BINARY);
    this.#bytes(value);
  }

  text(field: number, value: string): void {
    this.binary(field, Buffer.from(value));
  }

  struct(field: number, write: () => void): void {
    this.#field(field, STRUCT);
    this.#struct(write);
  }

  /** Writes a struct that is not a field: the root, or a list item that is serialized separately. */
  root(write: () => void): void {
    this.#struct(write);
  }

  structs<T>(field: number, items: readonly T[], write: (item: T) => void): void {
    this.#list(field, STRUCT, items.length);
    for (const item of items) this.#struct(() => write(item));
  }

  /** Writes a list of structs that were serialized separately. */
  serialized(field: number, items: readonly Uint8Array[]): void {
    this.#list(field, STRUCT, items.length);
    for (const item of items) this.out.append(item);
  }

  i32s(field: number, values: readonly number[]): void {
    this.#list(field, I32, values.length);
    for (const value of values) this.out.zigzag(BigInt(value));
  }

  texts(field: number, values: readonly string[]): void {
    this.#list(field, BINARY, values.length);
    for (const value of values) this.#bytes(Buffer.from(value));
  }

  #struct(write: () => void): void {
    this.#last.push(0);
    write();
    this.#last.pop();
    this.out.byte(0);
  }

  #list(field: number, type: number, length: number): void {
    this.#field(field, LIST);
    if (length < 15) {
      this.out.byte((length << 4) | type);
    } else {
      this.out.byte(0xf0 | type);
      this.out.varint(length);
    }
  }

  #bytes(value: Uint8Array): void {
    this.out.varint(value.length);
    this.out.append(value);
  }

  /** Field ids must ascend in steps of at most 15, as all of Parquet's do. */
  #field(field: number, type: number): void {
    const depth = this.#last.length - 1;
    this.out.byte(((field - this.#last[depth]!) << 4) | type);
    this.#last[depth] = field;
  }
}
