/** What the tests of DuckDB share. */
import type { z } from 'zod';
import { DictionarySet } from '../../../src/columns/dictionary.js';
import type { Row } from '../../../src/columns/row-view.js';
import type { Schema } from '../../../src/columns/schema.js';
import type { StageContext } from '../../../src/engine/stage.js';
import { duckDbSink } from '../../../src/stages/sinks/duckdb/duckdb.js';
import { DuckDbSinkOptions } from '../../../src/stages/sinks/duckdb/options.js';
import { batchOf } from '../../stages/sinks/sink-rows.js';
import { RecordedRejects, stageContext } from '../../support/stage-context.js';

export type SinkOptions = Partial<z.input<typeof DuckDbSinkOptions>> & { readonly path: string };

export function sinkOf(schema: Schema, options: SinkOptions, more: Partial<StageContext> = {}) {
  const rejects = new RecordedRejects();
  const dictionaries = new DictionarySet();
  const context = stageContext({ job: 'job', dictionaries, rejects, ...more });
  const sink = duckDbSink.create(
    DuckDbSinkOptions.parse({ table: 'ticks', create: 'if-missing', ...options }),
    schema,
    context,
  );
  return {
    sink,
    rejects,
    write: async (rows: readonly Row[]) => sink.write(batchOf(schema, rows, dictionaries)),
  };
}

/** Writes batches of rows and commits them. */
export async function writeRows(
  schema: Schema,
  options: SinkOptions,
  ...batches: readonly (readonly Row[])[]
) {
  const { sink, rejects, write } = sinkOf(schema, options);
  try {
    await sink.open?.();
    for (const rows of batches) await write(rows);
    const durable = await sink.flush();
    return { durable, rejects: rejects.rows };
  } finally {
    await sink.close?.();
  }
}
