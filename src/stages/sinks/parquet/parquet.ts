import type { Schema } from '../../../columns/schema.js';
import type { SinkFactory } from '../../../engine/factories.js';
import type { StageContext } from '../../../engine/stage.js';
import { hasZstd } from '../../../formats/parquet/compressor.js';
import { ParquetPartEncoder } from '../../../formats/parquet/parquet-encoder.js';
import { Disk } from '../../../outputs/disk/disk.js';
import { type FileSystem, nodeFileSystem } from '../../../outputs/disk/file-system.js';
import { RoomOnDisk } from '../../../outputs/disk/room-on-disk.js';
import { PartDirectory } from '../../../outputs/parts/part-directory.js';
import type { OpenFilesLimits } from '../../../outputs/staging/open-files.js';
import { checkFileSink, fileSchema, makeFileSink } from '../files/make-file-sink.js';
import { writtenParts } from '../files/written-path.js';
import type { ParquetSinkOptions } from './options.js';

/**
 * Writes rows as Parquet, in a directory of parts.
 *
 * | column    | in the file                                       | in DuckDB      |
 * | --------- | ------------------------------------------------- | -------------- |
 * | timestamp | INT64, timestamp in nanoseconds (UTC by agreement) | TIMESTAMP_NS   |
 * | int64     | INT64                                             | BIGINT         |
 * | float64   | DOUBLE, optional where nullable (NaN is NULL)     | DOUBLE         |
 * | int32     | INT32                                             | INTEGER        |
 * | string    | BYTE_ARRAY, string, by dictionary                 | VARCHAR        |
 * | enum      | BYTE_ARRAY, string, by dictionary                 | VARCHAR        |
 * | boolean   | BOOLEAN                                           | BOOLEAN        |
 */
export const parquetSink = {
  plan(options: ParquetSinkOptions, input: Schema, problems) {
    if (options.compression === 'zstd' && !hasZstd) {
      problems.add(
        ['compression'],
        `expected "none", "snappy" or "gzip": "zstd" needs Node 22.15 or newer, this is ${process.version}`,
      );
    }
    if (/\.parquet$/i.test(options.path)) {
      problems.add(
        ['path'],
        'expected a directory, which the sink fills with .parquet files, found a file name',
      );
    }
    if (input.columns.length === 0) problems.add([], 'expected rows with at least one column, found none');
    checkFileSink(options, false, input, problems);
  },

  files: (options: ParquetSinkOptions) => ({ writes: [writtenParts(options, 'parquet')] }),

  /** @param fs - For tests, like `limits`. */
  create(
    options: ParquetSinkOptions,
    input: Schema,
    context: StageContext,
    fs: FileSystem = nodeFileSystem,
    limits?: OpenFilesLimits,
  ) {
    const schema = fileSchema(options, input);
    const output = new PartDirectory({
      disk: new Disk(fs, context.log, new RoomOnDisk(context)),
      directory: options.path,
      job: context.job,
      extension: 'parquet',
      ifExists: options.ifExists,
      schema,
      partitionBy: options.partitionBy ?? [],
      resuming: context.resuming === true,
      epoch: context.epoch,
      keyId: context.keyId,
      checkpointed: context.checkpointed === true,
      limits,
    });
    const { compression, rowGroupRows } = options;
    const { dictionaries, memory } = context;
    const makeEncoder = () =>
      new ParquetPartEncoder(
        schema,
        compression,
        rowGroupRows,
        dictionaries,
        memory.share('parquet row group'),
      );
    return makeFileSink({ options, input, context, output, makeEncoder });
  },
} satisfies SinkFactory<ParquetSinkOptions>;
