import type { Schema } from '../../../columns/schema.js';
import { Random } from '../../../core/random.js';
import { commitHolderOf } from '../../../databases/commit-holder.js';
import { connectToPostgres } from '../../../databases/postgres/connect.js';
import { checkKeyColumns } from '../../../databases/upsert-key.js';
import type { PlanProblems, SinkFactory } from '../../../engine/factories.js';
import { problemOfField } from '../../../formats/pg-copy/pg-field.js';
import { CommitRecord } from './commit-record.js';
import type { PostgresSinkOptions } from './options.js';
import { PostgresSink } from './postgres-sink.js';
import { resolveTable } from './sessions.js';
import { wantedFields } from './table-fields.js';
import { TableWriter } from './table-writer.js';

/** Writes rows into a table of PostgreSQL by binary COPY: see docs/databases.md. */
export const postgresSink = {
  plan(options, input, problems) {
    checkColumns(options, input, problems);
    const names = new Set<string>();
    for (const field of wantedFields(input, options)) {
      const problem = problemOfField(field);
      if (problem !== undefined) problems.add(['types', field.column.name], problem);
      if (names.has(field.name)) {
        problems.add(
          ['belowMicros'],
          `expected no column "${field.name}" among those of the rows, since nanoseconds go there`,
        );
      }
      names.add(field.name);
    }
  },

  create(options, input, context) {
    const wanted = wantedFields(input, options);
    const { clock, log, memory, seed, stopping, knownWaits } = context;
    const random = new Random(seed);
    const writer = new TableWriter({
      options,
      wanted,
      holder: commitHolderOf(context),
      clock,
      log,
      random: () => random.next(),
      memory: memory.share('rows not committed'),
      stopping,
      knownWaits,
    });
    return new PostgresSink({ options, context, input, writer });
  },

  async takeOver({ connection: server, table }, { log, signal, ...holder }) {
    const connection = await connectToPostgres(server, signal);
    const breakOff = () => connection.destroy();
    signal?.addEventListener('abort', breakOff, { once: true });
    try {
      const resolved = await connection.inShort(() => resolveTable(connection, table));
      return await new CommitRecord(resolved, holder, log).takeOver(connection);
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    } finally {
      signal?.removeEventListener('abort', breakOff);
      await connection.end();
    }
  },
} satisfies SinkFactory<PostgresSinkOptions>;

function checkColumns(
  { key = [], types, hypertable }: PostgresSinkOptions,
  { columns }: Schema,
  problems: PlanProblems,
): void {
  const names = columns.map(({ name }) => name);
  if (names.length === 0) problems.add(['table'], 'expected rows with a column, found none');
  checkKeyColumns(key, names, problems);
  for (const name of Object.keys(types)) {
    if (!names.includes(name))
      problems.add(['types', name], `expected one of ${names.join(', ')}, found "${name}"`);
  }
  if (!hypertable) return;
  if (columns.find(({ name }) => name === hypertable.by)?.type !== 'timestamp') {
    problems.add(['hypertable', 'by'], `expected a column of time, found "${hypertable.by}"`);
  }
  if (key.length > 0 && !key.includes(hypertable.by)) {
    problems.add(['key'], `expected "${hypertable.by}" among the key, by which the hypertable is divided`);
  }
}
