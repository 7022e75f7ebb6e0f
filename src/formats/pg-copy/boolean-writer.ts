import type { Batch } from '../../columns/batch.js';
import { addBytes, type FieldWriter, LENGTH_BYTES, type RowsToWrite } from './field-writer.js';
import type { PgField } from './pg-field.js';

export class BooleanWriter implements FieldWriter {
  readonly field: PgField;
  #values: Uint8Array = new Uint8Array(0);

  constructor(field: PgField) {
    this.field = field;
  }

  measure(batch: Batch, { count }: RowsToWrite, bytes: Float64Array): void {
    this.#values = batch.uint8(this.field.column.name);
    addBytes(bytes, count, 1);
  }

  write({ rows, count }: RowsToWrite, out: DataView, at: Int32Array): void {
    for (let i = 0; i < count; i++) {
      const place = at[i]!;
      out.setInt32(place, 1);
      out.setUint8(place + LENGTH_BYTES, this.#values[rows[i]!]!);
      at[i] = place + LENGTH_BYTES + 1;
    }
  }
}
