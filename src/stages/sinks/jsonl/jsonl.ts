import type { ControlRecord } from '../../../columns/control-record.js';
import { writeInt64 as splitInt64 } from '../../../columns/int64.js';
import type { Schema } from '../../../columns/schema.js';
import type { SinkFactory } from '../../../engine/factories.js';
import type { StageContext } from '../../../engine/stage.js';
import { type TextFormat, TextPartEncoder } from '../../../formats/text/text-encoder.js';
import { type TimeFormat, TimeWriter } from '../../../formats/text/write-time.js';
import { type FileSystem, nodeFileSystem } from '../../../outputs/disk/file-system.js';
import type { OpenFilesLimits } from '../../../outputs/staging/open-files.js';
import { checkFileSink, fileSchema, makeFileSink } from '../files/make-file-sink.js';
import { checkCompression, isGzip, namesSingleFile, textOutput } from '../files/text-output.js';
import { writtenText } from '../files/written-path.js';
import type { JsonlSinkOptions } from './options.js';

/**
 * Writes rows as JSON lines: one object for each row, in the order of the columns. Values that JSON lacks
 * (NaN, infinity) become null. 64-bit integers are written in full, but JavaScript's own `JSON.parse`
 * rounds those beyond 2⁵³.
 */
export const jsonlSink = {
  plan(options: JsonlSinkOptions, input: Schema, problems) {
    const single = namesSingleFile(options.path, EXTENSIONS);
    checkCompression(options, single, problems);
    checkFileSink(options, single, input, problems);
    if (options.partitionBy && options.controls) {
      problems.add(
        ['controls'],
        'expected no control records with partitions, since a record belongs to none; leave it out',
      );
    }
  },

  files: (options: JsonlSinkOptions) => ({ writes: [writtenText(options, EXTENSIONS)] }),

  /** @param fs - For tests, like `limits`. */
  create(
    options: JsonlSinkOptions,
    input: Schema,
    context: StageContext,
    fs: FileSystem = nodeFileSystem,
    limits?: OpenFilesLimits,
  ) {
    const schema = fileSchema(options, input);
    const output = textOutput(options, EXTENSIONS, NOTHING, schema, context, fs, limits);
    const format: TextFormat = {
      dialect: {
        timeFormat: options.timeFormat,
        before: ({ name }, index) => Buffer.from(`${index === 0 ? '{' : ','}${JSON.stringify(name)}:`),
        text: (value) => Buffer.from(JSON.stringify(value)),
        nullText: 'null',
        nonFinite: () => 'null',
        quoteTimes: options.timeFormat === 'iso',
      },
      header: NOTHING,
      rowEnd: Buffer.from(schema.columns.length === 0 ? '{}\n' : '}\n'),
      gzip: isGzip(options),
      controlLine: options.controls ? (record) => controlLine(record, options.timeFormat) : undefined,
    };
    const makeEncoder = () => new TextPartEncoder(schema, format, context.memory.share('text buffer'));
    return makeFileSink({ options, input, context, output, makeEncoder });
  },
} satisfies SinkFactory<JsonlSinkOptions>;

const EXTENSIONS = ['jsonl', 'ndjson'] as const;
const NOTHING = new Uint8Array(0);

function controlLine({ type, ...fields }: ControlRecord, timeFormat: TimeFormat): string {
  const parts = Object.entries(fields).map(
    ([name, value]) =>
      `${JSON.stringify(name)}:${typeof value === 'bigint' ? instant(value, timeFormat) : JSON.stringify(value)}`,
  );
  return `{${[`"control":${JSON.stringify(type)}`, ...parts].join(',')}}\n`;
}

function instant(value: bigint, timeFormat: TimeFormat): string {
  const words = new Int32Array(2);
  splitInt64(words, 0, value);
  const bytes = new Uint8Array(64);
  const end = new TimeWriter(timeFormat).write(bytes, 0, words, 0);
  const text = Buffer.from(bytes.subarray(0, end)).toString('latin1');
  return timeFormat === 'iso' ? `"${text}"` : text;
}
