import { PipelineError } from '../core/errors.js';
import type { PlainData } from '../core/plain-data.js';
import { Batch } from './batch.js';
import type { DictionarySet } from './dictionary.js';
import { type PlainRecord, plainRecord, recordOf } from './plain-record.js';
import { elementsPerRow, type Schema } from './schema.js';

/**
 * Saves a batch as plain data, for the state of a checkpoint. Strings stay ids: the checkpoint has the
 * dictionaries. The batch is not released.
 */
export function saveBatch(batch: Batch): PlainData {
  const { schema, length, columns, controls } = batch;
  return {
    rows: length,
    columns: schema.columns.map(({ type }, i) => {
      const { buffer, byteOffset, BYTES_PER_ELEMENT } = columns[i]!;
      const bytes = length * elementsPerRow(type) * BYTES_PER_ELEMENT;
      return Buffer.from(buffer, byteOffset, bytes).toString('base64');
    }),
    controls: controls.map(({ row, record }) => ({ row, record: plainRecord(record) })),
  };
}

/**
 * Makes a batch of what `saveBatch` gave.
 *
 * @throws {PipelineError} `CHECKPOINT_INVALID` for what has not this schema.
 */
export function loadBatch(saved: PlainData, schema: Schema, dictionaries: DictionarySet): Batch {
  const { rows, columns, controls } = (saved ?? {}) as Partial<SavedBatch>;
  if (!Number.isSafeInteger(rows) || columns?.length !== schema.columns.length || !Array.isArray(controls)) {
    throw invalid(`rows of ${schema.columns.length} columns`);
  }
  const length = rows as number;
  const batch = new Batch(schema, Math.max(1, length), dictionaries);
  batch.length = length;
  for (const [i, { name, type }] of schema.columns.entries()) {
    const { buffer, byteOffset, BYTES_PER_ELEMENT } = batch.columns[i]!;
    const bytes = Buffer.from(String(columns[i]), 'base64');
    if (bytes.length !== length * elementsPerRow(type) * BYTES_PER_ELEMENT) {
      batch.release();
      throw invalid(`${length} values of column "${name}"`);
    }
    bytes.copy(new Uint8Array(buffer, byteOffset, bytes.length));
  }
  batch.controls = controls.map(({ row, record }) => ({ row, record: recordOf(record) }));
  return batch;
}

interface SavedBatch {
  readonly rows: number;
  readonly columns: readonly string[];
  readonly controls: readonly { readonly row: number; readonly record: PlainRecord }[];
}

const invalid = (expected: string): PipelineError =>
  new PipelineError(
    'CHECKPOINT_INVALID',
    `Expected ${expected} in the state of a stage, found something else`,
  );
