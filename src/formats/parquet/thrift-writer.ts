import { ByteBuffer } from './byte-buffer.js';

const TRUE = 1;
const FALSE = 2;
const I32 = 5;
const I64 = 6;
const BINARY = 8;
const LIST = 9;
const STRUCT = 12;

/**
 * Thrift's compact protocol, as much of it as Parquet's metadata needs.
 * @see https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
 */
export class ThriftWriter {
  readonly out: ByteBuffer;
  /** Field ids written last, one for each struct that is open. */
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

  /** A struct that is no field: the root, or what is serialized by itself to go into a list. */
  root(write: () => void): void {
    this.#struct(write);
  }

  structs<T>(field: number, items: readonly T[], write: (item: T) => void): void {
    this.#list(field, STRUCT, items.length);
    for (const item of items) this.#struct(() => write(item));
  }

  /** Structs that were serialized by themselves. */
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

  /** Field ids ascend and none is more than 15 past the one before it: all of Parquet's do. */
  #field(field: number, type: number): void {
    const depth = this.#last.length - 1;
    this.out.byte(((field - this.#last[depth]!) << 4) | type);
    this.#last[depth] = field;
  }
}
