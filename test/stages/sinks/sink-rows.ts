/** Rows and contexts that the tests of sinks share. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { Batch } from '../../../src/columns/batch.js';
import { BatchPool } from '../../../src/columns/batch-pool.js';
import type { ControlRecord } from '../../../src/columns/control-record.js';
import { DictionarySet } from '../../../src/columns/dictionary.js';
import { type Row, RowView } from '../../../src/columns/row-view.js';
import type { Schema } from '../../../src/columns/schema.js';
import type { StageContext } from '../../../src/engine/stage.js';
import { stageContext } from '../../support/stage-context.js';

/** Every type of column, with and without nulls. */
export const ALL_TYPES: Schema = {
  kind: 'custom',
  columns: [
    { name: 'time', type: 'timestamp' },
    { name: 'symbol', type: 'string' },
    { name: 'note', type: 'string', nullable: true },
    { name: 'price', type: 'float64' },
    { name: 'size', type: 'float64', nullable: true },
    { name: 'level', type: 'int32' },
    { name: 'id', type: 'int64' },
    { name: 'side', type: 'enum', values: ['unknown', 'buy', 'sell'] },
    { name: 'ok', type: 'boolean' },
  ],
};

export const TICKS: Schema = {
  kind: 'trade',
  columns: [
    { name: 'time', type: 'timestamp' },
    { name: 'symbol', type: 'string' },
    { name: 'price', type: 'float64' },
  ],
};

export const contextOf = (job = 'job', more: Partial<StageContext> = {}): StageContext =>
  stageContext({ job, ...more });

export function batchOf(
  schema: Schema,
  rows: readonly Row[],
  dictionaries = new DictionarySet(),
  controls: readonly { row: number; record: ControlRecord }[] = [],
): Batch {
  return fill(new Batch(schema, Math.max(1, rows.length), dictionaries), rows, controls);
}

/** The same from a pool, which tells whether the batch came back. */
export function pooledBatch(pool: BatchPool, rows: readonly Row[]): Batch {
  return fill(pool.acquire(), rows, []);
}

export const poolOf = (schema: Schema, dictionaries = new DictionarySet()): BatchPool =>
  new BatchPool(schema, 1_024, dictionaries);

function fill(
  batch: Batch,
  rows: readonly Row[],
  controls: readonly { row: number; record: ControlRecord }[],
) {
  const view = new RowView(batch.schema).over(batch);
  for (const [i, row] of rows.entries()) Object.assign(view.at(i), row);
  batch.length = rows.length;
  batch.controls = [...controls];
  return batch;
}

/** A tick a second from 2024-01-01, prices of two decimals. */
export const ticks = (count: number, from = 0): Row[] =>
  Array.from({ length: count }, (_, i) => ({
    time: 1_704_067_200_000_000_000n + BigInt(from + i) * 1_000_000_000n,
    symbol: (from + i) % 3 === 0 ? 'EUR/USD' : 'GBP/USD',
    price: 100 + ((from + i) % 50) / 100,
  }));

/** A directory of the test's own, gone when it has ended. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'tickloom-sinks-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}
